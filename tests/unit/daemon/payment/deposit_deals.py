"""Deals that are paid from a deposit of somebody else, which may end before it has paid."""

import asyncio
from contextlib import asynccontextmanager
from decimal import Decimal

from golemnet.daemon.payment import allocation_store
from golemnet.daemon.payment.backing import MARGIN
from golemnet.daemon.payment.store import INVOICE

from .deals import ACCEPTED, NOTED, RUN_S, Deal
from .funder import ask, new_funder

DEPOSITED, FEE = 3, Decimal("0.25")
LASTS_S = int(MARGIN.total_seconds()) + 600


class DepositDeal(Deal):
    """A deal at whose end the allocation is released, so that the deposit is closed."""

    def __init__(self, world, requestor, provider):
        super().__init__(world, requestor, provider)
        self._allocated = None

    @asynccontextmanager
    async def prepared(self, chain):
        async with new_funder(chain.file) as self.funder:
            self._chain_file = chain.file
            self.deposit = await self.funder.deposit(self.requestor.id, DEPOSITED, fee=FEE, lasts_s=LASTS_S)
            yield

    async def work(self):
        await super().work()
        open_ = await self.requestor.payments.allocations.all()
        for allocation in open_:
            await self.requestor.payments.allocations.release(allocation.id)
        await self.funder.until_closed(self.deposit)

    async def _allocation(self):
        if self._allocated is None:
            made = await self.requestor.payments.allocations.all()
            self._allocated = (
                made[0] if made else await self.requestor.allocate(DEPOSITED, deposit=self.deposit)
            )
        return self._allocated

    async def check(self):
        """The deposit has paid once, and what it has not paid the account has; the fee came once."""
        await self.until_nothing_is_to_be_said()
        lent = await self.funder.paid_from(self.deposit)
        self._check_lent(lent)
        assert await self.provider.balance() == ACCEPTED
        assert await self.requestor.balance() == 1000 + FEE - (ACCEPTED - lent)
        assert await self.funder.balance() == 1000 - FEE - lent
        await self.check_books()
        allocation = await self.requestor.database.read(
            lambda connection: allocation_store.find(connection, self._allocated.id)
        )
        assert (allocation.spent, allocation.paid) == (ACCEPTED, ACCEPTED)
        assert allocation.released is not None

    def _check_lent(self, lent):
        assert lent == ACCEPTED


class EndingDepositDeal(DepositDeal):
    """The deposit's time is over when the invoice is accepted and not paid yet, on a chain of its own."""

    _has_ended = False

    async def accept(self, claim, allocation):
        if claim.kind != INVOICE:
            return await super().accept(claim, allocation)
        if not self._has_ended:
            await ask(self._chain_file, ("evm_setAutomine", False))
            await super().accept(claim, allocation)
            await self._until_it_is_sent()
            later = ("evm_increaseTime", LASTS_S + 60)
            await ask(self._chain_file, later, ("evm_setAutomine", True), ("evm_mine",))
            self._has_ended = True
        self.enter("gone")

    async def _until_it_is_sent(self):
        async with asyncio.timeout(RUN_S):
            while (await ask(self._chain_file, ("txpool_status",)))[0]["pending"] == "0x0":  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    def _check_lent(self, lent):
        assert lent == NOTED
