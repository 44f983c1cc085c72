"""Sums of invoices and lines of the ledger as programs read them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest

from golemnet.cli.yagna_payment_books import _print_csv, _stats
from golemnet.rest.payment import Invoice, LedgerEntry

NOW = datetime(2026, 1, 1, tzinfo=UTC)
INVOICE = Invoice(
    invoice_id="1",
    issuer_id="0x1",
    recipient_id="0x2",
    payee_addr="0x1",
    payer_addr="0x2",
    payment_platform="erc20-holesky-tglm",
    timestamp=NOW,
    agreement_id="a",
    activity_ids=[],
    amount=Decimal("0.1"),
    payment_due_date=NOW,
    status="SETTLED",
)


def test_invoices_are_summed_by_state():
    other = msgspec.structs.replace(INVOICE, agreement_id="b", amount=Decimal("0.2"))
    rejected = msgspec.structs.replace(INVOICE, status="REJECTED")

    stats = _stats([INVOICE, other, rejected])
    assert stats["settled"] == {"totalAmount": Decimal("0.3"), "agreementsCount": 2}
    assert stats["rejected"] == {"totalAmount": Decimal("0.1"), "agreementsCount": 1}
    assert stats["accepted"]["agreementsCount"] == 0


def test_a_line_of_the_ledger(capsys: pytest.CaptureFixture[str]):
    entry = LedgerEntry(
        date=NOW,
        debit="computation",
        credit="owed:0x1",
        amount=Decimal("1E-18"),
        document="invoice",
        document_id="1",
        agreement_id="a",
    )
    _print_csv([msgspec.structs.asdict(entry)])
    assert capsys.readouterr().out.splitlines()[1] == (
        "2026-01-01T00:00:00+00:00,computation,owed:0x1,0.000000000000000001,invoice,1,a,"
    )
