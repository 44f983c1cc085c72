"""One deal between two nodes, from the reservation to the money; it may be taken up again after a crash."""

import asyncio
from contextlib import asynccontextmanager
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
        for phase, claim in (("note", await self._note()), ("invoice", await self._invoice())):
            self.enter(phase)
            await self.provider.payments.issued.send(claim.kind, claim.id, 10)
            await self.accept(claim, allocation)
            await self.provider.until(claim, "SETTLED")
            await self.requestor.until(claim, "SETTLED")
        self.enter("end")
        if self.by_voucher:
            await self.provider.payments.taken_vouchers.redeem_due(all_of_them=True)

    async def accept(self, claim, allocation):
        """What the requestor's program does with a claim."""
        await self.requestor.accept(claim, allocation)

    def enter(self, phase):
        """See ``Life``."""
        for side in (self.requestor, self.provider):
            side.life.phase = phase

    @asynccontextmanager
    async def prepared(self, chain):
        """What the deal needs on the chain beside the two nodes, within an ``async with``."""
        yield

    async def done(self):
        """Do the deal, and see that it was done well."""
        await self.work()
        await self.check()

    async def check(self):
        """What was accepted has moved, to the wei, and both nodes have it in their books once."""
        await self.until_nothing_is_to_be_said()
        assert await self.provider.balance() == ACCEPTED + (1000 if self.by_voucher else 0)
        assert await self.requestor.balance() + await self._set_aside() == 1000 - ACCEPTED
        await self.check_books()
        [allocation] = await self.requestor.payments.allocations.all()
        assert (allocation.spent, allocation.paid) == (ACCEPTED, ACCEPTED)

    async def check_books(self):
        """Both nodes have noted what was accepted as paid, once."""
        for side in (self.requestor, self.provider):
            payments = await side.payments.payments(None, None, 0)
            assert sum(payment.amount for payment, _ in payments) == ACCEPTED
            assert sum(part.amount for _, parts in payments for part in parts) == ACCEPTED

    async def _set_aside(self):
        """What the requestor's deposit holds beyond its vouchers."""
        if not self.by_voucher:
            return 0
        standing = await self.requestor.payments.wallet.vouchers().standing(
            str(self.requestor.id), str(self.provider.id)
        )
        return from_wei(standing.deposit)

    async def until_nothing_is_to_be_said(self):
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


async def killed_and_restarted(deal, chain, directory, victim, moments):
    """Do a deal in which a side is killed at moments, one life after the other; what its lives have passed.

    Args:
        deal: one that has not begun.
        chain: where it is paid.
        directory: for files.
        victim: ``requestor`` or ``provider``.
        moments: see ``Life``; those at which it is still to be killed.
    """
    mortal = getattr(deal, victim)
    other = deal.provider if mortal is deal.requestor else deal.requestor
    left, lives = set(moments), []
    async with behind_bad_chain(mortal, chain, directory) as bad, deal.prepared(chain), other.running():
        while not lives or lives[-1].over.is_set():
            mortal.life = bad.life = Life(*left)
            lives.append(mortal.life)
            async with mortal.running():
                if await lives_until(mortal, deal.done()):
                    left.discard(mortal.life.passed[-1])
    return [life.passed for life in lives]
