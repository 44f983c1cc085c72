"""``yagna payment deposit``: tokens set aside so that another node can pay from them."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated

import msgspec
from cyclopts import App, Parameter

from golemnet.cli.context import Context, Given
from golemnet.cli.deposit_tables import deposit_card, deposits_table
from golemnet.cli.moments import parse_duration, parse_moment
from golemnet.cli.output import show_json, show_table
from golemnet.cli.platforms import platform_of
from golemnet.errors import GolemError
from golemnet.rest.client import Client
from golemnet.rest.deposits import DepositExtension, FundedDeposit, NewDeposit

Lasting = Annotated[str | None, Parameter(name="--for")]

app = App(name="deposit", help="Set tokens aside that another node may pay from.")


@app.command
async def create(
    *,
    spender: str,
    amount: Decimal,
    fee: Decimal = Decimal(0),
    valid_to: str | None = None,
    lasting: Lasting = None,
    number: int = 1,
    account: str | None = None,
    network: str | None = None,
    driver: str = "erc20",
    context: Given,
) -> None:
    """Set tokens aside for a node that pays from them; said again, it finds the deposit and spends nothing.

    Args:
        spender: the address of the node that may pay.
        amount: how many GLM.
        fee: GLM for the spender, when the deposit is closed.
        valid_to: until when, in UTC; then the rest can be taken back.
        lasting: how long instead: 30min, 24h, 7d.
        number: another one makes another deposit of the same spender, amount and fee.
        account: an address; the node's own is the default.
        network: a payment network; see `yagna payment driver list`.
        driver: the payment driver.
    """
    until = _until(valid_to, lasting)
    if until is None:
        raise GolemError(
            "Until when is the deposit valid?", next_step="Say --for 7d, or --valid-to 2027-01-31."
        )
    if driver == "voucher":
        raise GolemError("Vouchers are not paid from deposits of others.", next_step="Leave --driver out.")
    async with context.client() as client:
        new = NewDeposit(
            spender=spender,
            amount=amount,
            fee=fee,
            valid_to=until,
            number=number,
            address=account,
            payment_platform=await platform_of(client, driver, network),
        )
        made = await client.deposits.create(new)
    _show(made, context)
    _say(_about(made, until, number))


@app.command(name="list")
async def list_deposits(
    *, every: Annotated[bool, Parameter(name=["--all", "-a"], negative="")] = False, context: Given
) -> None:
    """List the deposits that this node has made, and those that it may pay from.

    Args:
        every: closed ones as well.
    """
    async with context.client() as client:
        found = await client.deposits.all()
        own = (await client.identity.me()).identity
    shown = [each for each in found if every or each.state != "closed"]
    if context.as_json:
        show_json([msgspec.structs.asdict(each) for each in shown])
        return
    show_table(deposits_table(shown, str(own)))
    if hidden := len(found) - len(shown):
        _say(f"Not shown: {hidden} that are closed; see --all.")


@app.command
async def show(deposit: str, *, context: Given) -> None:
    """Show a deposit.

    Args:
        deposit: its id, or the end of the id as `list` shows it.
    """
    async with context.client() as client:
        _show(await client.deposits.get(await _id(client, deposit)), context)


@app.command
async def extend(
    deposit: str,
    *,
    amount: Decimal | None = None,
    valid_to: str | None = None,
    lasting: Lasting = None,
    context: Given,
) -> None:
    """Fill a deposit up, let it last longer, or both; what is so already stays.

    Args:
        deposit: its id, or the end of the id as `list` shows it.
        amount: how many GLM are to be in it.
        valid_to: until when, in UTC.
        lasting: how long from now instead: 30min, 24h, 7d.
    """
    until = _until(valid_to, lasting)
    if amount is None and until is None:
        raise GolemError("What is to be extended?", next_step="Say --amount 5, --for 7d, or both.")
    async with context.client() as client:
        change = DepositExtension(amount=amount, valid_to=until)
        _show(await client.deposits.extend(await _id(client, deposit), change), context)


@app.command
async def close(deposit: str, *, context: Given) -> None:
    """Give the rest back to the funder and take the fee; of the spender, when nothing draws from it.

    Args:
        deposit: its id, or the end of the id as `list` shows it.
    """
    async with context.client() as client:
        _show(await client.deposits.close(await _id(client, deposit)), context)


@app.command
async def terminate(deposit: str, *, context: Given) -> None:
    """Take the rest back when the deposit is not valid any more; of the funder.

    Args:
        deposit: its id, or the end of the id as `list` shows it.
    """
    async with context.client() as client:
        _show(await client.deposits.terminate(await _id(client, deposit)), context)


def _until(valid_to: str | None, lasting: str | None) -> datetime | None:
    if valid_to is not None and lasting is not None:
        raise GolemError("Both --valid-to and --for say when it ends.", next_step="Leave one of them out.")
    if lasting is not None:
        return datetime.now(UTC) + parse_duration(lasting)
    return None if valid_to is None else parse_moment(valid_to)


async def _id(client: Client, text: str) -> str:
    """The whole id for its end. Raises GolemError if it is that of none or of several."""
    if text.lower().startswith("0x"):
        return text
    ends = text.removeprefix("…").lower()
    found = [each.id for each in await client.deposits.all() if ends and each.id.endswith(ends)]
    if len(found) != 1:
        raise GolemError(
            f"{len(found) or 'No'} deposits end with {text[:80]!r}.",
            next_step="See `yagna payment deposit list --all --json`.",
        )
    return found[0]


def _show(deposit: FundedDeposit, context: Context) -> None:
    if context.as_json:
        show_json(msgspec.structs.asdict(deposit))
    else:
        show_table(deposit_card(deposit, datetime.now(UTC)))


def _about(made: FundedDeposit, until: datetime, number: int) -> str:
    named = msgspec.json.encode({"id": made.id, "contract": made.contract}).decode()
    if made.is_new:
        return f'\nThe spender names it in its allocation: "deposit": {named}'
    shorter = (
        f" It ends before {until:%Y-%m-%d %H:%M} UTC: see `deposit extend`." if made.valid_to < until else ""
    )
    return (
        f"\nThis deposit was made before, and nothing was spent now.{shorter}\n"
        f"For another one of the same terms: --number {number + 1}"
    )


def _say(text: str) -> None:
    print(text, file=sys.stderr)
