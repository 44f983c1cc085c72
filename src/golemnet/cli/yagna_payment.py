"""``yagna payment``: accounts, balances and reservations."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from golemnet.cli import yagna_payment_books, yagna_payment_deposit
from golemnet.cli.context import Given
from golemnet.cli.output import show_json, show_rows
from golemnet.cli.payment_tables import status_fields, status_rows
from golemnet.cli.platforms import platform_of
from golemnet.rest.payment import Account, InitAccount

ACCOUNT_COLUMNS = ["address", "driver", "network", "token", "send", "recv"]

Driver = Annotated[str, Parameter(env_var="YAGNA_PAYMENT_DRIVER")]

app = App(name="payment", help="Pay and be paid.")
driver = App(name="driver", help="Show payment drivers.")
accounts = App(name="accounts", help="Show payment accounts.")
app.command(driver)
app.command(accounts)
app.command(yagna_payment_deposit.app)
app.command(yagna_payment_books.invoice)
app.command(yagna_payment_books.ledger)
app.command(yagna_payment_books.verify)
app.command(yagna_payment_books.redeem)
app.command(yagna_payment_books.exit_, name="exit")


@app.command
async def init(
    *,
    sender: Annotated[bool, Parameter(name=["--sender", "--requestor", "-r"], negative="")] = False,
    receiver: Annotated[bool, Parameter(name=["--receiver", "--provider", "-p"], negative="")] = False,
    account: str | None = None,
    network: str | None = None,
    driver: Driver = "erc20",
    context: Given,
) -> None:
    """Prepare the account for paying, being paid, or both (the default); asks the faucet where one is.

    Args:
        sender: prepare for paying.
        receiver: prepare for being paid.
        account: an address; the node's own is the default.
        network: a payment network; see `yagna payment driver list`.
        driver: the payment driver.
    """
    both = sender == receiver
    async with context.client() as client:
        platform = await platform_of(client, driver, network)
        wanted = InitAccount(
            address=account, platform=platform, sender=sender or both, receiver=receiver or both
        )
        made = await client.payment.init(wanted)
    show_rows([_account(each) for each in made], as_json=context.as_json, columns=ACCOUNT_COLUMNS)


@app.command
async def fund(
    *, account: str | None = None, network: str | None = None, driver: Driver = "erc20", context: Given
) -> None:
    """Ask the faucet of a test network for tokens and gas."""
    async with context.client() as client:
        platform = await platform_of(client, driver, network)
        funded = await client.payment.fund(InitAccount(address=account, platform=platform))
    show_rows(status_rows(funded), as_json=context.as_json)


@app.command
async def status(
    *, account: str | None = None, network: str | None = None, driver: Driver = "erc20", context: Given
) -> None:
    """Show balance, reservations, and what was and is to be paid."""
    async with context.client() as client:
        platform = await platform_of(client, driver, network)
        entries = await client.payment.status(account, platform)
    if context.as_json:
        fields = [status_fields(entry) for entry in entries]
        show_json(fields[0] if len(fields) == 1 else fields)
        return
    for entry in entries:
        print(f"\nStatus for account: {entry.address}")
        show_rows(status_rows(entry), as_json=False)


@app.command(name="release-allocations")
async def release_allocations(*, context: Given) -> None:
    """Give back all reserved funds."""
    async with context.client() as client:
        allocations = await client.payment.get_allocations()
        for allocation in allocations:
            await client.payment.release_allocation(allocation.allocation_id)
    rows = [{"allocation": each.allocation_id, "released": each.remaining_amount} for each in allocations]
    show_rows(rows, as_json=context.as_json, columns=["allocation", "released"])


@driver.command(name="list")
async def list_drivers(*, context: Given) -> None:
    """List the payment platforms of this node."""
    async with context.client() as client:
        entries = await client.payment.get_drivers()
    rows = [
        {
            "driver": each.driver,
            "network": each.network,
            "default?": each.default,
            "token": each.token,
            "platform": each.platform,
        }
        for each in entries
    ]
    columns = ["driver", "network", "default?", "token", "platform"]
    show_rows(rows, as_json=context.as_json, columns=columns)


@accounts.command(name="list")
async def list_accounts(*, context: Given) -> None:
    """List the accounts that are prepared for payments."""
    async with context.client() as client:
        known = await client.payment.get_requestor_accounts() + await client.payment.get_provider_accounts()
    unique = {(each.address, each.platform): each for each in known}
    show_rows([_account(each) for each in unique.values()], as_json=context.as_json, columns=ACCOUNT_COLUMNS)


def _account(account: Account) -> dict[str, str | bool]:
    place = {"address": account.address, "driver": account.driver, "network": account.network}
    return {**place, "token": account.token, "send": account.send, "recv": account.receive}
