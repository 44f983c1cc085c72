"""What an owner sees: every agreement in one row, every coin in one sum."""

from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from golemnet.provider.presets import Preferences, Preset
from golemnet.provider.records import AgreementRecord
from golemnet.provider.reports import history_rows, preset_rows, totals
from golemnet.provider.states import State

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def record(state, amount=None, **more):
    facts = {"agreement_id": "a", "approved_at": NOW, "requestor_id": "0xr"}
    return AgreementRecord(**facts, state=state, amount=None if amount is None else Decimal(amount), **more)


def test_presets_show_whether_they_are_offered():
    rows = preset_rows(Preferences(presets=[Preset("a", Decimal(1)), Preset("b")], active=["b"]))
    assert [(row["preset"], row["active"], row["GLM/hour"]) for row in rows] == [
        ("a", False, 1),
        ("b", True, Decimal("0.005")),
    ]


def test_history_shows_the_invoice_else_the_cost_so_far():
    running = record(State.OPEN, costs={"x": Decimal("0.1"), "y": Decimal("0.2")}, requestor_name="my laptop")
    paid = record(State.SETTLED, "0.5", costs={"x": Decimal("0.5")}, transactions=["0x1", "0x2"])
    first, second = history_rows([running, paid])
    assert (first["amount"], first["activities"], first["requestor"]) == (Decimal("0.3"), 2, "my laptop")
    assert (second["amount"], second["transaction"], second["requestor"]) == (
        Decimal("0.5"),
        "0x1, 0x2",
        "0xr",
    )
    assert (first["state"], second["state"]) == ("open", "settled")


def test_totals_tell_paid_owed_and_refused_apart():
    records = [
        record(State.OPEN),
        record(State.ENDED),
        record(State.INVOICED, 1),
        record(State.ACCEPTED, 2),
        record(State.REJECTED, 4),
        record(State.SETTLED, 8),
        record(State.SETTLED, 16),
    ]
    assert totals(iter(records)) == {"agreements": 7, "running": 1, "paid": 24, "owed": 3, "refused": 4}


@given(st.lists(st.tuples(st.sampled_from(State), st.decimals(0, 1000, places=18))))
def test_every_amount_that_was_billed_is_in_one_sum(known):
    billed = {State.INVOICED, State.ACCEPTED, State.REJECTED, State.SETTLED}
    records = [record(state, amount if state in billed else None) for state, amount in known]
    row = totals(records)
    assert row["paid"] + row["owed"] + row["refused"] == sum(
        (amount for state, amount in known if state in billed), Decimal(0)
    )
