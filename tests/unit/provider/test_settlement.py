"""An invoice is followed until it is paid, and the journal names the transactions."""

import asyncio
import base64
from datetime import timedelta
from decimal import Decimal

import msgspec
import pytest
from provider_doors import NOW, Daemon, agreement

from golemnet.provider.journal import Journal
from golemnet.provider.records import Ended, Invoiced
from golemnet.provider.recovery import approval
from golemnet.provider.settlement import Settlement, transaction_hash
from golemnet.provider.states import State
from golemnet.rest.payment import InvoiceEvent, NewInvoice, Payment
from golemnet.testing.clock import ManualClock

HASH = bytes(range(32))
SOON_S = 20.0


def payment(details):
    return Payment(
        payment_id="p",
        payer_id="0xr",
        payee_id="0xp",
        payer_addr="0xr",
        payee_addr="0xp",
        payment_platform="erc20-local-tglm",
        amount=Decimal(1),
        timestamp=NOW,
        agreement_payments=[],
        activity_payments=[],
        details=details,
    )


class Ledger(Daemon):
    """A daemon with one invoice, whose status changes."""

    def __init__(self):
        super().__init__()
        self.events, self.more, self.asked = [], asyncio.Event(), asyncio.Event()

    def becomes(self, status):
        [(agreement_id, invoice)] = self.invoices.items()
        self.invoices[agreement_id] = msgspec.structs.replace(invoice, status=status)

    def tell(self):
        date = NOW + timedelta(seconds=len(self.events) + 1)
        [invoice] = self.invoices.values()
        self.events.append(InvoiceEvent(event_type="any", event_date=date, invoice_id=invoice.invoice_id))
        self.asked.clear()
        self.more.set()

    async def invoice_events(self, *, timeout_s, after):
        while not (new := [each for each in self.events if each.event_date > after]):
            self.asked.set()
            self.more.clear()
            await self.more.wait()
        return new

    async def get_payments_for_invoice(self, invoice_id):
        details = base64.b64encode(HASH).decode()
        return [payment(details), payment(details), payment("")]


@pytest.fixture
async def ledger(tmp_path):
    """A ledger and the journal of an agent that has sent an invoice."""
    ledger, journal = Ledger(), Journal(tmp_path / "journal.jsonl")
    await journal.add(approval(agreement(), NOW))
    await journal.add(Ended(agreement_id="agreement", at=NOW, reason=""))
    new = NewInvoice(agreement_id="agreement", amount=Decimal(1), payment_due_date=NOW)
    invoice = await ledger.issue_invoice(new)
    entry = Invoiced(agreement_id="agreement", at=NOW, invoice_id=invoice.invoice_id, amount=Decimal(1))
    await journal.add(entry)
    return ledger, journal


async def follow(ledger, journal, *statuses):
    """The states of the record as the invoice goes through ``statuses``."""
    following = asyncio.create_task(Settlement(ledger.client, journal, ManualClock(NOW)).run(NOW))
    seen = []
    async with asyncio.timeout(SOON_S):
        await ledger.asked.wait()
        for status in statuses:
            ledger.becomes(status)
            ledger.tell()
            await ledger.asked.wait()
            seen.append(journal.get("agreement").state)
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    return seen


@pytest.mark.parametrize(
    ("statuses", "states"),
    [
        (["RECEIVED", "ACCEPTED", "SETTLED"], [State.INVOICED, State.ACCEPTED, State.SETTLED]),
        (["SETTLED", "SETTLED"], [State.SETTLED, State.SETTLED]),
        (["REJECTED", "ACCEPTED", "SETTLED"], [State.REJECTED, State.ACCEPTED, State.SETTLED]),
        (["REJECTED", "SETTLED"], [State.REJECTED, State.SETTLED]),
    ],
)
async def test_the_journal_follows_the_invoice(ledger, statuses, states):
    _, journal = ledger
    assert await follow(*ledger, *statuses) == states
    assert journal.get("agreement").transactions == ["0x" + HASH.hex()]


async def test_what_was_missed_is_caught_up_with(ledger):
    daemon, journal = ledger
    daemon.becomes("SETTLED")
    assert await follow(daemon, journal) == []
    assert journal.get("agreement").state is State.SETTLED


async def test_news_that_are_none_are_not_written_down(ledger, tmp_path):
    await follow(*ledger, "ACCEPTED", "ACCEPTED", "ACCEPTED")
    assert (tmp_path / "journal.jsonl").read_bytes().count(b'"accepted"') == 1


@pytest.mark.parametrize(
    ("details", "found"),
    [
        (base64.b64encode(HASH).decode(), "0x" + HASH.hex()),
        ("", ""),
        ("no base64!", ""),
    ],
)
def test_the_hash_of_a_transaction_is_as_explorers_take_it(details, found):
    assert transaction_hash(payment(details)) == found
