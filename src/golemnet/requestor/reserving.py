"""The reservation of a run: from the node's account, or from a deposit that somebody else has funded."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from golemnet.errors import GolemError
from golemnet.model.money import format_amount
from golemnet.rest.client import Client
from golemnet.rest.deposits import MARGIN, FundedDeposit
from golemnet.rest.errors import ApiError, Unauthorized
from golemnet.rest.payment import Allocation, Deposit

# The allocation outlives the runs, so that late invoices find it.
ALLOCATION_MARGIN = timedelta(minutes=30)


async def reserve(
    client: Client, total: Decimal, expires: datetime, platform: str | None, deposit: str | None
) -> Allocation:
    """Reserve ``total`` GLM for runs that end at ``expires``.

    Args:
        client: the daemon.
        total: the budget.
        expires: the end of the last run.
        platform: how is paid; as the daemon prefers if None.
        deposit: the id of a deposit that pays instead of the account.

    Raises:
        GolemError: there is not so much, or the deposit does not fit; nothing is reserved.
    """
    until, source = expires + ALLOCATION_MARGIN, None
    try:
        if deposit is not None:
            found = await client.deposits.get(deposit)
            until = min(until, _end(found, expires))
            source = Deposit(id=found.id, contract=found.contract)
        return await client.payment.create_allocation(
            total, payment_platform=platform, timeout=until, deposit=source
        )
    except Unauthorized:
        raise
    except ApiError as error:
        raise GolemError(
            f"{format_amount(total)} GLM cannot be reserved for the run.",
            why=str(error),
            next_step="Or lower the budget; `yagna payment status` shows what there is.",
        ) from error


def _end(deposit: FundedDeposit, expires: datetime) -> datetime:
    """Until when it can be paid from. Raises GolemError if that may be before the run is over."""
    if deposit.valid_to - MARGIN < expires:
        raise GolemError(
            f"The deposit ends before the run is paid for: {deposit.valid_to.isoformat(timespec='seconds')}.",
            next_step="Give the run a shorter timeout, or have the deposit extended by its funder.",
        )
    return deposit.valid_to - MARGIN
