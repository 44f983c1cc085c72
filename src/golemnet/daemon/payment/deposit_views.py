"""Deposits as the API shows them: what the chain says, and what this node has to do with them."""

from __future__ import annotations

from collections.abc import Mapping

from golemnet.chain.deposits import NOBODY, Deposit, funder_of
from golemnet.clock import Clock
from golemnet.daemon.payment import allocation_store
from golemnet.daemon.payment.backing import end_of
from golemnet.daemon.payment.parsing import parse_deposit_id
from golemnet.daemon.payment.wallet import Wallet
from golemnet.database.database import Database
from golemnet.model.money import from_wei
from golemnet.rest.deposits import CLOSED, ENDED, OPEN, FundedDeposit
from golemnet.rest.errors import NotFound


class DepositViews:
    """The deposits that this node has made, and those that it may spend from. May raise ``ChainError``."""

    def __init__(self, clock: Clock, database: Database, wallet: Wallet) -> None:
        self._clock = clock
        self._database = database
        self._wallet = wallet

    async def all(self) -> list[FundedDeposit]:
        """All of them, the oldest first."""
        contract = self._wallet.deposits()
        known = await contract.known()
        return [await self._view(each, await contract.get(each), known) for each in known]

    async def get(self, deposit: str) -> FundedDeposit:
        """A deposit, of whomever. Raises NotFound."""
        wanted, contract = parse_deposit_id(deposit), self._wallet.deposits()
        found = await self.found(wanted)
        return await self._view(wanted, found, await contract.known() if found.is_closed else {})

    async def found(self, wanted: int) -> Deposit:
        """What the chain says of it. Raises NotFound if there never was one."""
        found = await self._wallet.deposits().get(wanted)
        if not found.is_made:
            raise NotFound("There is no such deposit.", deposit_id=hex(wanted))
        return found

    async def _view(self, id_: int, found: Deposit, known: Mapping[int, str]) -> FundedDeposit:
        drawing = await self._database.read(
            lambda connection: allocation_store.of_deposit(connection, hex(id_))
        )
        return FundedDeposit(
            id=hex(id_),
            contract=self._wallet.deposits().address,
            funder=funder_of(id_),
            spender=known.get(id_, NOBODY) if found.is_closed else found.spender,
            amount=from_wei(found.amount),
            fee=from_wei(found.fee),
            valid_to=end_of(found),
            state=self._state(found),
            allocation_id=drawing[-1].id if drawing else None,
        )

    def _state(self, found: Deposit) -> str:
        if found.is_closed:
            return CLOSED
        return OPEN if end_of(found) > self._clock.now() else ENDED
