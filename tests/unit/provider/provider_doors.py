"""Agreements, and a stand-in for a provider's daemon that keeps what an agent tells it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace

from golemnet.rest.activity import ActivityUsage, ProviderEvent
from golemnet.rest.errors import Conflict, Gone, NotFound
from golemnet.rest.market import Agreement, AgreementListEntry, Demand, Offer
from golemnet.rest.payment import DebitNote, Invoice

NOW = datetime(2030, 1, 1, tzinfo=UTC)
EXPIRES = NOW + timedelta(hours=1)
PRICES = [0.01, 0.02, 0.5]
_PARTIES = {
    "issuer_id": "0xp",
    "recipient_id": "0xr",
    "payee_addr": "0xp",
    "payer_addr": "0xr",
    "payment_platform": "erc20-local-tglm",
    "timestamp": NOW,
}


def agreement(agreement_id: str = "agreement", *, offer=None, demand=None) -> Agreement:
    """An agreement that both sides have signed; ``offer`` and ``demand`` add to its properties."""
    offered = {
        "golem.com.pricing.model": "linear",
        "golem.com.usage.vector": ["golem.usage.duration_sec", "golem.usage.cpu_sec"],
        "golem.com.pricing.model.linear.coeffs": PRICES,
        "golem.srv.caps.multi-activity": True,
    }
    wanted = {
        "golem.node.id.name": "my laptop",
        "golem.srv.comp.expiration": int(EXPIRES.timestamp() * 1000),
        "golem.srv.caps.multi-activity": True,
    }
    return Agreement(
        agreement_id=agreement_id,
        offer=Offer(
            offer_id="o",
            provider_id="0xp",
            timestamp=NOW,
            constraints="()",
            properties={**offered, **(offer or {})},
        ),
        demand=Demand(
            demand_id="d",
            requestor_id="0xr",
            timestamp=NOW,
            constraints="()",
            properties={**wanted, **(demand or {})},
        ),
        valid_to=EXPIRES,
        state="Approved",
        timestamp=NOW,
        approved_date=NOW,
    )


class Crash(Exception):
    """The agent's process dies here."""


class Daemon:
    """A provider's daemon: its documents outlive the agent. It is its own market, activity and payment door.

    ``crash_at`` is the number of the call that is the agent's last one; ``lost`` says whether the call has
    no effect any more.
    """

    def __init__(self):
        self.agreements: dict[str, Agreement] = {}
        self.activities: dict[str, str] = {}
        self.usage: dict[str, list[float]] = {}
        self.ended_activities: dict[str, str] = {}
        self.terminated: dict[str, str] = {}
        self.notes: list[DebitNote] = []
        self.invoices: dict[str, Invoice] = {}
        self.sent: list[str] = []
        self.calls = 0
        self.crash_at, self.lost = 0, False

    @property
    def client(self) -> SimpleNamespace:
        """The daemon as a program sees it."""
        door = _Door(self)
        return SimpleNamespace(market=door, activity=door, payment=door)

    def has_agreement(self, signed: Agreement, *activity_ids: str) -> None:
        """An agreement is known here, with activities under it."""
        self.agreements[signed.agreement_id] = signed
        self.activities.update(dict.fromkeys(activity_ids, signed.agreement_id))

    # -- market --------------------------------------------------------------------------------------------

    async def list_agreements(self, *, state):
        known = [each for each in self.agreements if each not in self.terminated]
        return [AgreementListEntry(id=each, timestamp=NOW, role="Provider", state=state) for each in known]

    async def get_agreement(self, agreement_id):
        if agreement_id not in self.agreements:
            raise NotFound("There is no such agreement.")
        return self.agreements[agreement_id]

    async def terminate_agreement(self, agreement_id, reason):
        if agreement_id in self.terminated:
            raise Gone("It has ended.")
        self.terminated[agreement_id] = reason["golem.provider.code"]

    # -- activity ------------------------------------------------------------------------------------------

    async def provider_events(self, *, timeout_s, after, max_events):
        events = [
            ProviderEvent(
                activity_id=activity_id,
                agreement_id=agreement_id,
                event_type={"CreateActivity": {}},
                event_date=NOW + timedelta(seconds=number),
            )
            for number, (activity_id, agreement_id) in enumerate(self.activities.items(), 1)
        ]
        return [each for each in events if each.event_date > after][:max_events]

    async def set_state(self, activity_id, state):
        self.ended_activities[activity_id] = state.error_message

    async def get_usage(self, activity_id):
        return ActivityUsage(current_usage=self.usage.get(activity_id))

    # -- payment -------------------------------------------------------------------------------------------

    async def issue_debit_note(self, note):
        issued = DebitNote(
            debit_note_id=f"note {len(self.notes)}",
            agreement_id=self.activities.get(note.activity_id, ""),
            activity_id=note.activity_id,
            total_amount_due=note.total_amount_due,
            usage_counter_vector=note.usage_counter_vector,
            payment_due_date=note.payment_due_date,
            status="ISSUED",
            **_PARTIES,
        )
        self.notes.append(issued)
        return issued

    async def send_debit_note(self, debit_note_id):
        self.sent.append(debit_note_id)

    async def issue_invoice(self, new):
        if new.agreement_id in self.invoices:
            raise Conflict("It has an invoice.")
        self.invoices[new.agreement_id] = Invoice(
            invoice_id=f"invoice of {new.agreement_id}",
            agreement_id=new.agreement_id,
            activity_ids=new.activity_ids,
            amount=new.amount,
            payment_due_date=new.payment_due_date,
            status="ISSUED",
            **_PARTIES,
        )
        return self.invoices[new.agreement_id]

    async def send_invoice(self, invoice_id):
        self.sent.append(invoice_id)

    async def get_invoices(self):
        return list(self.invoices.values())

    async def get_invoice(self, invoice_id):
        return next(each for each in self.invoices.values() if each.invoice_id == invoice_id)


class _Door:
    """Counts calls, and fails at the one that is to be the last."""

    def __init__(self, daemon: Daemon):
        self._daemon = daemon

    def __getattr__(self, name: str):
        daemon, call = self._daemon, getattr(self._daemon, name)

        async def counted(*arguments, **named):
            daemon.calls += 1
            if daemon.calls != daemon.crash_at:
                return await call(*arguments, **named)
            if not daemon.lost:
                await call(*arguments, **named)
            raise Crash(name)

        return counted


def cost(*usages: list[float]) -> Decimal:
    """What activities with these counters cost by ``PRICES``."""
    per_second, per_cpu_second, start = (Decimal(str(price)) for price in PRICES)
    return sum(
        (
            per_second * Decimal(str(seconds)) + per_cpu_second * Decimal(str(cpu)) + start
            for seconds, cpu in usages
        ),
        Decimal(0),
    )
