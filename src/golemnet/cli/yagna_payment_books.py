"""``yagna payment ledger``, ``verify``, ``invoice status``, ``redeem`` and ``exit``: where the money went."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

import msgspec
from cyclopts import App, Parameter

from golemnet.cli.context import Given
from golemnet.cli.moments import parse_duration
from golemnet.cli.output import show_json, show_one, show_rows
from golemnet.errors import GolemError
from golemnet.rest.payment import Invoice, LedgerEntry, Withdrawal

STAGES = ("issued", "received", "accepted", "rejected", "failed", "settled", "cancelled")
LEDGER_COLUMNS = list(LedgerEntry.__struct_fields__)
FINDING_COLUMNS = ["kind", "about", "amount", "what"]

invoice = App(name="invoice", help="Show invoices.")


async def ledger(
    *, as_csv: Annotated[bool, Parameter(name="--csv", negative="")] = False, context: Given
) -> None:
    """Print the books: every accepted claim and every payment, in double entry.

    Args:
        as_csv: print comma-separated values.
    """
    async with context.client() as client:
        entries = await client.payment.ledger()
    rows = [msgspec.structs.asdict(each) for each in entries]
    if as_csv:
        _print_csv(rows)
    else:
        show_rows(rows, as_json=context.as_json, columns=LEDGER_COLUMNS)


async def verify(*, context: Given) -> None:
    """Compare the books with the chain; ends with status 1 if they do not agree."""
    async with context.client() as client:
        findings = await client.payment.verify()
    rows = [msgspec.structs.asdict(each) for each in findings]
    show_rows(rows, as_json=context.as_json, columns=FINDING_COLUMNS)
    mismatches = sum(each.kind == "mismatch" for each in findings)
    if mismatches:
        raise GolemError(f"Books and chain differ in {mismatches} cases.")


async def redeem(*, context: Given) -> None:
    """Turn all vouchers of others into tokens now, by one transaction; by itself it is done in time."""
    async with context.client() as client:
        redeemed = await client.payment.redeem_vouchers()
    show_one(msgspec.structs.asdict(redeemed), as_json=context.as_json)


async def exit_(
    to: str | None = None, amount: Decimal | None = None, *, driver: str = "erc20", context: Given
) -> None:
    """Move tokens to the address TO: AMOUNT GLM, or all that is not reserved.

    With `--driver voucher`: turn vouchers into tokens of the account, and take back deposits; these need a
    notice first, so call it again when it is over.

    Args:
        to: the address that gets the tokens.
        amount: how many GLM.
        driver: the payment driver: erc20 or voucher.
    """
    if driver == "voucher":
        async with context.client() as client:
            left = await client.payment.exit_vouchers()
        show_one(msgspec.structs.asdict(left), as_json=context.as_json)
        return
    if to is None:
        raise GolemError("To which address?", next_step="yagna payment exit 0x...")
    async with context.client() as client:
        moved = await client.payment.exit(Withdrawal(to=to, amount=amount))
    show_one(msgspec.structs.asdict(moved), as_json=context.as_json)


@invoice.command(name="status")
async def invoice_status(*, last: str | None = None, context: Given) -> None:
    """Sum up invoices by their state, as requestor and as provider.

    Args:
        last: only those of this time until now: 30min, 24h, 7d.
    """
    after = None if last is None else datetime.now(UTC) - parse_duration(last)
    async with context.client() as client:
        invoices = await client.payment.get_invoices(after=after)
        own = (await client.identity.me()).identity
    stats = {
        "requestor": _stats(each for each in invoices if each.recipient_id == own),
        "provider": _stats(each for each in invoices if each.issuer_id == own),
    }
    if context.as_json:
        show_json(stats)
        return
    rows = [
        {"role": role, "state": stage, "agreements": each["agreementsCount"], "amount": each["totalAmount"]}
        for role, stages in stats.items()
        for stage, each in stages.items()
        if each["agreementsCount"]
    ]
    show_rows(rows, as_json=False, columns=["role", "state", "agreements", "amount"])


def _stats(invoices: Iterable[Invoice]) -> dict[str, dict[str, Any]]:
    known = list(invoices)
    stages = {stage: [each for each in known if each.status.lower() == stage] for stage in STAGES}
    return {
        stage: {
            "totalAmount": sum((each.amount for each in found), Decimal(0)),
            "agreementsCount": len({each.agreement_id for each in found}),
        }
        for stage, found in stages.items()
    }


def _print_csv(rows: Sequence[dict[str, Any]]) -> None:
    writer = csv.DictWriter(sys.stdout, LEDGER_COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({**row, "date": row["date"].isoformat(), "amount": format(row["amount"], "f")})
