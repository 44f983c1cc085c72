"""A run that is paid from a deposit reserves no longer than the deposit lasts, and lasts no longer itself."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest

from golemnet.errors import GolemError
from golemnet.requestor.reserving import ALLOCATION_MARGIN, reserve
from golemnet.rest.deposits import MARGIN, FundedDeposit
from golemnet.rest.errors import NotFound

END = datetime(2027, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Daemon:
    """Knows one deposit, and remembers what is reserved."""

    def __init__(self, valid_to):
        self.deposits = self.payment = self
        self.reserved = []
        self._valid_to = valid_to

    async def get(self, deposit):
        if deposit != "0x1":
            raise NotFound("There is no such deposit.")
        nobody = dict.fromkeys(("contract", "funder", "spender"), "0x2")
        left = {"amount": Decimal(1), "fee": Decimal(0)}
        return FundedDeposit(id=deposit, valid_to=self._valid_to, state="open", **nobody, **left)

    async def create_allocation(self, total, *, payment_platform, timeout, deposit):
        self.reserved.append((timeout, deposit and (deposit.id, deposit.contract)))
        return SimpleNamespace(allocation_id="1")


@pytest.mark.parametrize(
    ("valid_to", "deposit", "reserved"),
    [
        (END, None, (END + ALLOCATION_MARGIN, None)),
        (END + HOUR, "0x1", (END + ALLOCATION_MARGIN, ("0x1", "0x2"))),
        (END + MARGIN, "0x1", (END, ("0x1", "0x2"))),
    ],
    ids=["of the account", "of a long deposit", "of one that just suffices"],
)
async def test_reservation_ends_with_its_source(valid_to, deposit, reserved):
    daemon = Daemon(valid_to)
    await reserve(daemon, Decimal(1), END, None, deposit)
    assert daemon.reserved == [reserved]


@pytest.mark.parametrize(
    ("deposit", "why"), [("0x1", "ends before the run"), ("0x3", "There is no such deposit")]
)
@pytest.mark.parametrize("valid_to", [END - HOUR, END, END + MARGIN - timedelta(seconds=1)])
async def test_what_would_not_pay_reserves_nothing(deposit, why, valid_to):
    daemon = Daemon(valid_to)
    with pytest.raises(GolemError, match=why):
        await reserve(daemon, Decimal(1), END, None, deposit)
    assert daemon.reserved == []
