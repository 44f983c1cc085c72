"""Deposits that this node makes for others: each once, and never from what is reserved.

Nothing is stored before: a deposit's number follows from its terms, and the contract takes a number once.
Who asks again, after a crash or without one, finds the deposit, or its transaction on the way.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from decimal import Decimal

import msgspec
import structlog

from golemnet.chain.deposits import Deposit, DepositContract, deposit_id, funder_of, nonce_of
from golemnet.chain.errors import ChainError
from golemnet.clock import Clock
from golemnet.daemon.payment.allocations import Allocations
from golemnet.daemon.payment.backing import end_of
from golemnet.daemon.payment.deposit_views import DepositViews
from golemnet.daemon.payment.funding_books import FundingBooks
from golemnet.daemon.payment.parsing import parse_address, parse_deposit_id
from golemnet.daemon.payment.wallet import CONFIRM_TIMEOUT_S, Wallet
from golemnet.model.keys import keccak256
from golemnet.model.money import from_wei, to_wei
from golemnet.rest.deposits import CLOSED, ENDED, DepositExtension, FundedDeposit, NewDeposit
from golemnet.rest.errors import BadRequest, Conflict, Forbidden
from golemnet.rest.wire import utc

MOST_GAS = 400_000
"""What an approval and a deposit may use, with the reserve that a transaction must have."""
MOST_WEI = 2**96 - 1
_ROUNDS = 5

log = structlog.get_logger(__name__)


class Terms(msgspec.Struct, frozen=True):
    """What a deposit is made with, in wei and Unix seconds."""

    spender: str
    amount: int
    fee: int
    valid_to: int
    number: int

    @property
    def nonce(self) -> int:
        """The contract's number for them: the same however often they are asked for."""
        said = f"{self.spender} {self.amount} {self.fee} {self.number}"
        return int.from_bytes(keccak256(said.encode())[:8], "big")


class Funding:
    """Makes, extends and takes back the deposits of this node. Every method may raise ``ChainError``."""

    def __init__(
        self,
        clock: Clock,
        wallet: Wallet,
        allocations: Allocations,
        views: DepositViews,
        books: FundingBooks,
    ) -> None:
        self._clock = clock
        self._wallet = wallet
        self._allocations = allocations
        self._views = views
        self._books = books
        self._lock = asyncio.Lock()

    async def create(self, new: NewDeposit) -> FundedDeposit:
        """Make a deposit, or find the one that was made by these terms before.

        Raises:
            BadRequest: a term makes no sense, or tokens or gas do not suffice; nothing was spent.
            Conflict: the deposit was made before, and is over.
        """
        terms, contract = self._terms(new), await self._contract()
        made = deposit_id(self._wallet.address, terms.nonce)
        purpose = f"deposit {made:x}"
        async with self._lock:
            if (await contract.get(made)).is_made:
                await self._allocations.end_hold(purpose)
                return _made_before(await self._views.get(hex(made)), new.number)
            await self._check_gas()
            async with self._allocations.holding(from_wei(terms.amount + terms.fee), purpose):
                await contract.create(
                    terms.nonce, terms.spender, terms.amount, terms.fee, terms.valid_to, CONFIRM_TIMEOUT_S
                )
                await self._note()
        return msgspec.structs.replace(await self._views.get(hex(made)), is_new=True)

    async def extend(self, deposit: str, change: DepositExtension) -> FundedDeposit:
        """Fill a deposit up to an amount and let it last longer; nothing happens if it is so already.

        Raises:
            NotFound, Forbidden: there is none, or this node has not made it.
            BadRequest: the change makes no sense, or tokens or gas do not suffice; nothing was spent.
            Conflict: it is closed.
        """
        wanted, contract = parse_deposit_id(deposit), await self._contract()
        purpose = f"deposit {wanted:x}"
        async with self._lock:
            for _ in range(_ROUNDS):
                found = await self._own(wanted)
                additional, valid_to = self._lacking(found, change)
                if not additional and valid_to == found.valid_to:
                    await self._allocations.end_hold(purpose)
                    return await self._views.get(deposit)
                await self._check_gas()
                async with self._allocations.holding(from_wei(additional), purpose):
                    await contract.extend(nonce_of(wanted), additional, valid_to, CONFIRM_TIMEOUT_S)
                    await self._note()
        raise Conflict("The deposit is spent faster than it is filled.", deposit_id=deposit)

    async def terminate(self, deposit: str) -> FundedDeposit:
        """Take back what is left of a deposit that is over; nothing happens if it is closed.

        Raises:
            NotFound, Forbidden: there is none, or this node has not made it.
            Conflict: it is still valid.
        """
        wanted = parse_deposit_id(deposit)
        found = await self._own(wanted)
        if not found.is_closed:
            if found.valid_to >= self._now():
                raise Conflict(
                    f"The deposit is valid until {end_of(found).isoformat()}.",
                    next_step=f"Until then only its spender, {found.spender}, can close it.",
                )
            await self._check_gas()
            await self._wallet.deposits().terminate(nonce_of(wanted), CONFIRM_TIMEOUT_S)
        await self._note()
        return await self._views.get(deposit)

    async def _note(self) -> None:
        """Put what was done into the books; an endpoint that gives no lists is no reason to fail."""
        try:
            await self._books.note()
        except ChainError as error:
            log.warning("deposits are not in the books", why=str(error))

    # -- what makes sense, and can be paid -----------------------------------------------------------------

    def _terms(self, new: NewDeposit) -> Terms:
        spender, valid_to = parse_address(new.spender), self._future(new.valid_to)
        if spender == self._wallet.address:
            raise BadRequest(
                "The spender is this node itself.", next_step="It reserves its own tokens by allocations."
            )
        amount, fee = _wei(new.amount), _wei(new.fee)
        if amount == 0:
            raise BadRequest("There is nothing in a deposit of 0 GLM.")
        return Terms(spender, amount, fee, valid_to, new.number)

    def _lacking(self, found: Deposit, change: DepositExtension) -> tuple[int, int]:
        """What is to be added to the deposit, and its new end."""
        if found.is_closed:
            raise Conflict("The deposit is closed.", next_step="Make another one.")
        wanted = 0 if change.amount is None else _wei(change.amount)
        valid_to = found.valid_to if change.valid_to is None else self._future(change.valid_to)
        end = end_of(found).isoformat()
        if valid_to < found.valid_to:
            raise BadRequest(f"The deposit is valid until {end}, and that cannot be cut.")
        if valid_to <= self._now():
            raise BadRequest(f"The deposit was valid until {end}.", next_step="Say how long it is to last.")
        return max(wanted - found.amount, 0), valid_to

    def _future(self, valid_to: datetime) -> int:
        until = utc(valid_to)
        if until <= self._clock.now():
            raise BadRequest(f"A deposit until {until.isoformat()} would be over before it is made.")
        return int(until.timestamp())

    def _now(self) -> float:
        return self._clock.now().timestamp()

    async def _own(self, wanted: int) -> Deposit:
        found = await self._views.found(wanted)
        if funder_of(wanted) != self._wallet.address:
            raise Forbidden(f"Another node has made the deposit: {funder_of(wanted)}.")
        return found

    async def _contract(self) -> DepositContract:
        contract = self._wallet.deposits()
        await contract.check()
        return contract

    async def _check_gas(self) -> None:
        chain, address = self._wallet.chain(), self._wallet.address
        needed = MOST_GAS * (await chain.fees()).most
        if (there := await chain.gas_balance(address)) < needed:
            raise BadRequest(
                f"Not enough gas: {from_wei(needed):f} ETH may be needed, {address} has {from_wei(there):f}.",
                next_step="Get some: yagna payment fund.",
            )


def _wei(amount: Decimal) -> int:
    wei = to_wei(amount)
    if wei > MOST_WEI:
        raise BadRequest(f"{amount:f} GLM are more than a deposit can hold.")
    return wei


def _made_before(found: FundedDeposit, number: int) -> FundedDeposit:
    if found.state in (ENDED, CLOSED):
        raise Conflict(
            f"The deposit was made before, and is {found.state}.",
            next_step=f"For another one of the same terms take another number: --number {number + 1}.",
            deposit_id=found.id,
        )
    return found
