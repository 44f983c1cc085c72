"""The agent's memory: what is on disk is what is known, whatever was repeated or cut off."""

import asyncio
import tempfile
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from golemnet.provider.journal import Journal, read_entries
from golemnet.provider.records import (
    ActivityEnded,
    Approved,
    Ended,
    InvoiceAccepted,
    Invoiced,
    InvoiceRejected,
    Settled,
    replay,
)
from golemnet.provider.states import State

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FACTS = {"agreement_id": "a", "at": NOW}
LIFE = [
    Approved(**FACTS, requestor_id="0xr", requestor_name="my laptop"),
    ActivityEnded(**FACTS, activity_id="x", usage=[1.0, 2.5], cost=Decimal("0.1")),
    ActivityEnded(**FACTS, activity_id="y", usage=[], cost=Decimal("0.000000000000000002")),
    Ended(**FACTS, reason="The work is done."),
    Invoiced(**FACTS, invoice_id="i", amount=Decimal("0.100000000000000002")),
    InvoiceAccepted(**FACTS),
    Settled(**FACTS, transactions=["0x01"]),
]


def write(path, entries):
    async def add_all():
        journal = Journal(path)
        for entry in entries:
            await journal.add(entry)
        return journal

    return asyncio.run(add_all())


def test_a_record_is_the_sum_of_its_facts(tmp_path):
    record = write(tmp_path / "journal.jsonl", LIFE).get("a")
    assert record.state is State.SETTLED
    assert record.cost == record.amount == Decimal("0.100000000000000002")
    assert (record.requestor_name, record.invoice_id, record.reason) == (
        "my laptop",
        "i",
        "The work is done.",
    )
    assert record.transactions == ["0x01"]


def test_records_come_oldest_first_and_survive_a_restart(tmp_path):
    path = tmp_path / "new" / "journal.jsonl"
    agreements = [
        Approved(agreement_id=name, at=NOW + timedelta(days=age), requestor_id="0xr")
        for name, age in [("b", 0), ("a", 1), ("c", -1)]
    ]
    records = write(path, agreements).records()
    assert [record.agreement_id for record in records] == ["b", "a", "c"]
    assert Journal(path).records() == records


@pytest.mark.parametrize("entry", LIFE[1:], ids=lambda entry: type(entry).__name__)
async def test_a_fact_about_an_unknown_agreement_is_a_mistake_and_leaves_no_trace(tmp_path, entry):
    path = tmp_path / "journal.jsonl"
    with pytest.raises(KeyError):
        await Journal(path).add(entry)
    assert list(read_entries(path)) == []


@pytest.mark.parametrize("repeated", range(len(LIFE)))
def test_a_repeated_fact_changes_nothing(repeated):
    entry = LIFE[repeated]
    for length in range(repeated + 1, len(LIFE) + 1):
        once = replay(LIFE[:length])
        assert replay([*LIFE[:length], entry]) == once


@pytest.mark.parametrize(
    "late",
    [
        Approved(agreement_id="a", at=NOW + timedelta(days=1), requestor_id="0xother"),
        Ended(**FACTS, reason="another one"),
        Invoiced(**FACTS, invoice_id="j", amount=Decimal(9)),
        InvoiceRejected(**FACTS, reason="too late"),
    ],
)
def test_a_fact_that_comes_too_late_does_not_change_the_story(late):
    assert replay([*LIFE, late]) == replay(LIFE)


ENTRIES = st.one_of(
    st.builds(
        Approved, agreement_id=st.sampled_from("ab"), at=st.just(NOW), requestor_id=st.text(max_size=2)
    ),
    st.builds(
        ActivityEnded,
        agreement_id=st.sampled_from("ab"),
        at=st.just(NOW),
        activity_id=st.sampled_from("xy"),
        usage=st.just([1.0]),
        cost=st.decimals(0, 100, places=18),
    ),
    st.builds(Ended, agreement_id=st.sampled_from("ab"), at=st.just(NOW), reason=st.text(max_size=3)),
    st.builds(
        Invoiced,
        agreement_id=st.sampled_from("ab"),
        at=st.just(NOW),
        invoice_id=st.text(max_size=2),
        amount=st.decimals(0, 100, places=18),
    ),
    st.builds(InvoiceAccepted, agreement_id=st.sampled_from("ab"), at=st.just(NOW)),
    st.builds(InvoiceRejected, agreement_id=st.sampled_from("ab"), at=st.just(NOW), reason=st.just("no")),
    st.builds(Settled, agreement_id=st.sampled_from("ab"), at=st.just(NOW), transactions=st.just(["0x1"])),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(ENTRIES, max_size=8))
def test_memory_is_what_the_file_says_whatever_was_added(entries):
    beginnings = [Approved(agreement_id=each, at=NOW, requestor_id="0xr") for each in "ab"]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.jsonl"
        journal = write(path, [*beginnings, *entries])
        assert Journal(path).records() == journal.records()
        assert list(read_entries(path)) == [*beginnings, *entries]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_crash_in_the_middle_of_a_line_loses_that_line_only(data):
    lines = [msgspec.json.encode(entry) + b"\n" for entry in LIFE]
    cut = data.draw(st.integers(0, len(b"".join(lines))))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.jsonl"
        path.write_bytes(b"".join(lines)[:cut])
        whole = path.read_bytes().count(b"\n")
        known = list(read_entries(path))
        assert known[:whole] == LIFE[:whole]
        assert len(known) <= whole + 1

        again = LIFE[0] if not known else Ended(**FACTS, reason="after the restart")
        write(path, [again])
        assert list(read_entries(path)) == [*known, again]


def test_a_line_that_is_no_entry_is_skipped(tmp_path):
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b'\xff\xfe\n{"kind": "of another version"}\n' + msgspec.json.encode(LIFE[0]))
    assert list(read_entries(path)) == [LIFE[0]]
