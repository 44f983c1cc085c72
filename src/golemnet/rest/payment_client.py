"""Calls of the payment API; names are the operation ids of its OpenAPI file. Amounts are in GLM."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from golemnet.rest.payment import (
    PREFIX,
    Acceptance,
    Account,
    AccountStatus,
    Allocation,
    AllocationUpdate,
    DebitNote,
    DebitNoteEvent,
    Deposit,
    Finding,
    InitAccount,
    Invoice,
    InvoiceEvent,
    LedgerEntry,
    MarketDecoration,
    NewAllocation,
    NewDebitNote,
    NewInvoice,
    Payment,
    PlatformEntry,
    Redeemed,
    Rejection,
    VoucherExit,
    Withdrawal,
    Withdrawn,
)
from golemnet.rest.transport import POLL_MARGIN_S, Transport, segment
from golemnet.rest.wire import decode

INIT_TIMEOUT_S = 180.0
ACCEPT_TIMEOUT_S = 30.0


class PaymentClient:
    """Accounts, allocations, debit notes, invoices and payments."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    # -- accounts (status, init, fund and drivers are extensions of ours) -----------------

    async def get_requestor_accounts(self) -> list[Account]:
        """Accounts that can send."""
        return await self._transport.get(f"{PREFIX}/requestorAccounts", list[Account])

    async def get_provider_accounts(self) -> list[Account]:
        """Accounts that can receive."""
        return await self._transport.get(f"{PREFIX}/providerAccounts", list[Account])

    async def init(self, body: InitAccount) -> list[Account]:
        """Register the account as sender or receiver; asks the faucet where there is one."""
        return await self._transport.post(f"{PREFIX}/init", list[Account], body, timeout_s=INIT_TIMEOUT_S)

    async def fund(self, body: InitAccount) -> AccountStatus:
        """Ask the faucet for tokens and gas."""
        return await self._transport.post(f"{PREFIX}/fund", AccountStatus, body, timeout_s=INIT_TIMEOUT_S)

    async def status(self, address: str | None = None, platform: str | None = None) -> list[AccountStatus]:
        """Balance, reservations and totals of the accounts."""
        query = {"address": address, "platform": platform}
        return await self._transport.get(f"{PREFIX}/status", list[AccountStatus], query)

    async def ledger(self) -> list[LedgerEntry]:
        """The books of the node, the oldest entry first."""
        return await self._transport.get(f"{PREFIX}/ledger", list[LedgerEntry])

    async def verify(self) -> list[Finding]:
        """What differs between the books and the chain."""
        return await self._transport.get(f"{PREFIX}/ledger/findings", list[Finding])

    async def exit(self, body: Withdrawal) -> Withdrawn:
        """Move tokens out of the account, by one transaction that is confirmed."""
        return await self._transport.post(f"{PREFIX}/exit", Withdrawn, body, timeout_s=INIT_TIMEOUT_S)

    async def redeem_vouchers(self) -> Redeemed:
        """Turn all vouchers of others into tokens."""
        path = f"{PREFIX}/vouchers/redeem"
        return await self._transport.post(path, Redeemed, timeout_s=INIT_TIMEOUT_S)

    async def exit_vouchers(self) -> VoucherExit:
        """Redeem all vouchers, and take back deposits as far as their notices allow."""
        path = f"{PREFIX}/vouchers/exit"
        return await self._transport.post(path, VoucherExit, timeout_s=INIT_TIMEOUT_S)

    async def get_drivers(self) -> list[PlatformEntry]:
        """The payment platforms of this daemon."""
        return await self._transport.get(f"{PREFIX}/drivers", list[PlatformEntry])

    # -- allocations ---------------------------------------------------------------------------------------

    async def create_allocation(
        self,
        total_amount: Decimal,
        *,
        payment_platform: str | None = None,
        address: str | None = None,
        timeout: datetime | None = None,
        deposit: Deposit | None = None,
    ) -> Allocation:
        """Reserve ``total_amount`` until ``timeout``. Raises BadRequest if the funds do not suffice."""
        body = NewAllocation(
            total_amount=total_amount,
            payment_platform=payment_platform,
            address=address,
            timeout=timeout,
            deposit=deposit,
        )
        return await self._transport.post(f"{PREFIX}/allocations", Allocation, body)

    async def get_allocations(self) -> list[Allocation]:
        """The open allocations."""
        return await self._transport.get(f"{PREFIX}/allocations", list[Allocation])

    async def get_allocation(self, allocation_id: str) -> Allocation:
        """An open allocation."""
        return await self._transport.get(f"{PREFIX}/allocations/{segment(allocation_id)}", Allocation)

    async def amend_allocation(self, allocation_id: str, body: AllocationUpdate) -> Allocation:
        """Change the amount or the timeout."""
        path = f"{PREFIX}/allocations/{segment(allocation_id)}"
        return decode(await self._transport.call("PUT", path, body), Allocation)

    async def release_allocation(self, allocation_id: str) -> None:
        """Give back what is not spent."""
        await self._transport.call("DELETE", f"{PREFIX}/allocations/{segment(allocation_id)}")

    async def get_demand_decorations(self, allocation_ids: list[str]) -> MarketDecoration:
        """Properties and constraints that let only providers match who can be paid from the allocations."""
        query = {"allocationIds": allocation_ids}
        return await self._transport.get(f"{PREFIX}/demandDecorations", MarketDecoration, query)

    # -- debit notes ---------------------------------------------------------------------------------------

    async def issue_debit_note(self, body: NewDebitNote) -> DebitNote:
        """Provider: write a debit note (not sent yet)."""
        return await self._transport.post(f"{PREFIX}/debitNotes", DebitNote, body)

    async def send_debit_note(self, debit_note_id: str) -> None:
        """Provider: send it to the requestor."""
        await self._act("debitNotes", debit_note_id, "send")

    async def get_debit_notes(self, *, after: datetime | None = None) -> list[DebitNote]:
        """Debit notes of ours, as either side."""
        return await self._transport.get(f"{PREFIX}/debitNotes", list[DebitNote], {"afterTimestamp": after})

    async def get_debit_note(self, debit_note_id: str) -> DebitNote:
        """One debit note."""
        return await self._transport.get(f"{PREFIX}/debitNotes/{segment(debit_note_id)}", DebitNote)

    async def accept_debit_note(self, debit_note_id: str, amount: Decimal, allocation_id: str) -> None:
        """Requestor: accept exactly ``amount``, paid from the allocation."""
        body = Acceptance(total_amount_accepted=amount, allocation_id=allocation_id)
        await self._act("debitNotes", debit_note_id, "accept", body)

    async def reject_debit_note(self, debit_note_id: str, rejection: Rejection) -> None:
        """Requestor: refuse it."""
        await self._act("debitNotes", debit_note_id, "reject", rejection)

    async def debit_note_events(
        self,
        *,
        timeout_s: float = 5.0,
        after: datetime | None = None,
        max_events: int = 100,
        app_session_id: str | None = None,
    ) -> list[DebitNoteEvent]:
        """What happened to debit notes since ``after``; waits up to ``timeout_s`` for the first."""
        return await self._transport.get(
            f"{PREFIX}/debitNoteEvents",
            list[DebitNoteEvent],
            _poll(timeout_s, after, max_events, app_session_id),
            timeout_s=timeout_s + POLL_MARGIN_S,
        )

    # -- invoices ------------------------------------------------------------------------------------------

    async def issue_invoice(self, body: NewInvoice) -> Invoice:
        """Provider: write the invoice (not sent yet)."""
        return await self._transport.post(f"{PREFIX}/invoices", Invoice, body)

    async def send_invoice(self, invoice_id: str) -> None:
        """Provider: send it to the requestor."""
        await self._act("invoices", invoice_id, "send")

    async def cancel_invoice(self, invoice_id: str) -> None:
        """Provider: withdraw it before acceptance."""
        await self._act("invoices", invoice_id, "cancel")

    async def get_invoices(self, *, after: datetime | None = None) -> list[Invoice]:
        """Invoices of ours, as either side."""
        return await self._transport.get(f"{PREFIX}/invoices", list[Invoice], {"afterTimestamp": after})

    async def get_invoice(self, invoice_id: str) -> Invoice:
        """One invoice."""
        return await self._transport.get(f"{PREFIX}/invoices/{segment(invoice_id)}", Invoice)

    async def accept_invoice(self, invoice_id: str, amount: Decimal, allocation_id: str) -> None:
        """Requestor: accept exactly ``amount``, paid from the allocation."""
        body = Acceptance(total_amount_accepted=amount, allocation_id=allocation_id)
        await self._act("invoices", invoice_id, "accept", body)

    async def reject_invoice(self, invoice_id: str, rejection: Rejection) -> None:
        """Requestor: refuse it."""
        await self._act("invoices", invoice_id, "reject", rejection)

    async def invoice_events(
        self,
        *,
        timeout_s: float = 5.0,
        after: datetime | None = None,
        max_events: int = 100,
        app_session_id: str | None = None,
    ) -> list[InvoiceEvent]:
        """What happened to invoices since ``after``; waits up to ``timeout_s`` for the first."""
        return await self._transport.get(
            f"{PREFIX}/invoiceEvents",
            list[InvoiceEvent],
            _poll(timeout_s, after, max_events, app_session_id),
            timeout_s=timeout_s + POLL_MARGIN_S,
        )

    # -- payments ------------------------------------------------------------------------------------------

    async def get_payments(
        self, *, timeout_s: float = 0.0, after: datetime | None = None, max_events: int = 100
    ) -> list[Payment]:
        """Payments made and received since ``after``."""
        return await self._transport.get(
            f"{PREFIX}/payments",
            list[Payment],
            _poll(timeout_s, after, max_events, None),
            timeout_s=timeout_s + POLL_MARGIN_S,
        )

    async def get_payments_for_invoice(self, invoice_id: str) -> list[Payment]:
        """Payments that cover an invoice."""
        return await self._transport.get(f"{PREFIX}/invoices/{segment(invoice_id)}/payments", list[Payment])

    async def get_payments_for_debit_note(self, debit_note_id: str) -> list[Payment]:
        """Payments that cover a debit note."""
        path = f"{PREFIX}/debitNotes/{segment(debit_note_id)}/payments"
        return await self._transport.get(path, list[Payment])

    async def _act(self, kind: str, document_id: str, action: str, body: object = None) -> None:
        await self._transport.call(
            "POST",
            f"{PREFIX}/{kind}/{segment(document_id)}/{action}",
            body,
            {"timeout": ACCEPT_TIMEOUT_S},
            timeout_s=ACCEPT_TIMEOUT_S + POLL_MARGIN_S,
        )


def _poll(
    timeout_s: float, after: datetime | None, max_events: int, app_session_id: str | None
) -> dict[str, str | float | int | datetime | None]:
    return {
        "timeout": timeout_s,
        "afterTimestamp": after,
        "maxEvents": max_events,
        "appSessionId": app_session_id,
    }
