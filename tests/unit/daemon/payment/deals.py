"""One deal between two nodes, from the reservation to the money; it may be taken up again after a crash."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec

from golemnet.chain.chain_file import read_chain_file, write_chain_file
from golemnet.daemon.payment.store import DEBIT_NOTE, INVOICE
from golemnet.model.money import from_wei
from golemnet.rest.payment import InitAccount, NewDebitNote
from golemnet.testing.bad_chain import BadChain
from golemnet.testing.faults import Life

NOTED = Decimal("0.6")
ACCEPTED = Decimal("1.000000000000000001")
RUN_S = 30.0


class Deal:
    """A debit note that is paid at once, and the invoice for the rest of ``ACCEPTED``.

    ``work`` does what programs and agents do: it asks for what is not there yet. So it can be repeated.
    """

    def __init__(self, world, requestor, provider, platform="erc20-local-tglm"):
        self.requestor, self.provider = requestor, provider
        self.platform, self.by_voucher = platform, platform.startswith("voucher")
        self.agreement_id = f"{requestor.id} {provider.id}"
        self.activity_id = f"activity of {self.agreement_id}"
        world.agree(
            requestor.id,
            provider.id,
            agreement_id=self.agreement_id,
            activities=(self.activity_id,),
            **{"golem.com.payment.chosen-platform": platform},
        )

    async def work(self):
        """Go on until both sides call both claims settled."""
        await self.requestor.payments.init(InitAccount())
        if self.by_voucher:  # who redeems needs gas
            await self.provider.payments.init(InitAccount())
        allocation = await self._allocation()
        for claim in (await self._note(), await self._invoice()):
            await self.provider.payments.issued.send(claim.kind, claim.id, 10)
            await self.requestor.accept(claim, allocation)
            await self.provider.until(claim, "SETTLED")
            await self.requestor.until(claim, "SETTLED")
        if self.by_voucher:
            await self.provider.payments.taken_vouchers.redeem_due(all_of_them=True)

    async def check(self):
        """What was accepted has moved, to the wei, and both nodes have it in their books once."""
        await self._until_nothing_is_to_be_said()
        assert await self.provider.balance() == ACCEPTED + (1000 if self.by_voucher else 0)
        assert await self.requestor.balance() + await self._set_aside() == 1000 - ACCEPTED
        for side in (self.requestor, self.provider):
            payments = await side.payments.payments(None, None, 0)
            assert sum(payment.amount for payment, _ in payments) == ACCEPTED
            assert sum(part.amount for _, parts in payments for part in parts) == ACCEPTED
        [allocation] = await self.requestor.payments.allocations.all()
        assert (allocation.spent, allocation.paid) == (ACCEPTED, ACCEPTED)

    async def _set_aside(self):
        """What the requestor's deposit holds beyond its vouchers."""
        if not self.by_voucher:
            return 0
        standing = await self.requestor.payments.wallet.vouchers().standing(
            str(self.requestor.id), str(self.provider.id)
        )
        return from_wei(standing.deposit)

    async def _until_nothing_is_to_be_said(self):
        async with asyncio.timeout(RUN_S):
            while any([await side.effects() for side in (self.requestor, self.provider)]):  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    async def _allocation(self):
        made = await self.requestor.payments.allocations.all()
        return made[0] if made else await self.requestor.allocate(10, payment_platform=self.platform)

    async def _note(self):
        new = NewDebitNote(
            activity_id=self.activity_id,
            total_amount_due=NOTED,
            usage_counter_vector=[100.0, 0.0],
            payment_due_date=datetime.now(UTC) + timedelta(minutes=1),
        )
        known = await self.provider.payments.claims(DEBIT_NOTE, None, None)
        return known[0] if known else await self.provider.payments.issued.issue_debit_note(new)

    async def _invoice(self):
        known = await self.provider.payments.claims(INVOICE, None, None)
        return (
            known[0]
            if known
            else await self.provider.new_invoice(
                ACCEPTED, agreement_id=self.agreement_id, activity_ids=(self.activity_id,)
            )
        )


@asynccontextmanager
async def behind_bad_chain(side, chain, directory):
    """Have ``side`` see the chain through a ``BadChain``."""
    async with BadChain(chain.file.rpc_url, side.life) as bad:
        side.chain_file = directory / f"{side.id}.json"
        write_chain_file(
            side.chain_file, msgspec.structs.replace(read_chain_file(chain.path), rpc_url=bad.url)
        )
        yield bad


async def lives_until(side, work):
    """Run ``work`` until it ends or ``side`` is dead; whether it died."""
    working, dying = asyncio.create_task(work), asyncio.create_task(side.life.over.wait())
    async with asyncio.timeout(RUN_S):
        await asyncio.wait({working, dying}, return_when=asyncio.FIRST_COMPLETED)
    for task in (working, dying):
        task.cancel()
    [outcome, _] = await asyncio.gather(working, dying, return_exceptions=True)
    if not side.life.over.is_set() and outcome is not None:
        raise outcome
    return side.life.over.is_set()


async def killed_and_restarted(world, new_side, chain, directory, victim, ends_at, platform):
    """Do a deal in which a side is killed at a moment and started again; the moments that it passed.

    Args:
        victim: ``requestor`` or ``provider``.
        ends_at: see ``Life``; None kills nobody.
        platform: how is paid.
    """
    deal = Deal(world, new_side(), new_side(), platform)
    mortal = getattr(deal, victim)
    other = deal.provider if mortal is deal.requestor else deal.requestor
    mortal.life = life = Life(ends_at)
    async with AsyncExitStack() as stack:
        bad = await stack.enter_async_context(behind_bad_chain(mortal, chain, directory))
        await stack.enter_async_context(other.running())
        async with mortal.running():
            await lives_until(mortal, deal.work())
        mortal.life = bad.life = Life()
        if ends_at is not None:
            await stack.enter_async_context(mortal.running())
            await lives_until(mortal, deal.work())
            await deal.check()
    return life
