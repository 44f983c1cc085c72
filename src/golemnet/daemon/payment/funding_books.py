"""What deposits for others have moved: out of the account when they were made, back when they were closed."""

from __future__ import annotations

from sqlalchemy import Connection

from golemnet.chain.deposits import DepositEvent, funder_of
from golemnet.clock import Clock
from golemnet.daemon.payment import voucher_store
from golemnet.daemon.payment.platforms import DEFAULT_PLATFORM
from golemnet.daemon.payment.voucher_store import FUNDING, REFUND, Movement
from golemnet.daemon.payment.wallet import Wallet
from golemnet.database.database import Database
from golemnet.model.money import from_wei


class FundingBooks:
    """Takes over from the chain what this node, or a spender, has done with its deposits."""

    def __init__(self, clock: Clock, database: Database, wallet: Wallet) -> None:
        self._clock = clock
        self._database = database
        self._wallet = wallet

    async def note(self) -> None:
        """Write down every movement that is not in the books yet. May raise ``ChainError``."""
        contract, me = self._wallet.deposits(), self._wallet.address
        known = {each.id for each in await self._database.read(voucher_store.movements)}
        for deposit in [each for each in await contract.known() if funder_of(each) == me]:
            for event in await contract.history(deposit):
                if (id_ := f"{event.transaction_hash} {deposit:x} {event.name}") not in known:
                    await self._add(id_, deposit, event)

    async def _add(self, id_: str, deposit: int, event: DepositEvent) -> None:
        wei = event.returned if event.name == "DepositClosed" else await self._put_in(event.transaction_hash)
        made = Movement(
            id=id_,
            kind=REFUND if event.name == "DepositClosed" else FUNDING,
            counterpart=hex(deposit),
            platform=DEFAULT_PLATFORM,
            amount=from_wei(wei),
            transaction_hash=event.transaction_hash,
            timestamp=self._clock.now(),
        )

        def write(connection: Connection) -> None:
            voucher_store.add_movements(connection, [made])

        await self._database.write(write, durable=True)

    async def _put_in(self, transaction_hash: str) -> int:
        """What a transaction of ours has moved into the contract."""
        receipt = await self._wallet.chain().receipt(transaction_hash)
        way = (self._wallet.address, self._wallet.deposits().address)
        transfers = () if receipt is None else receipt.transfers
        return sum(each.amount for each in transfers if (each.sender, each.receiver) == way)
