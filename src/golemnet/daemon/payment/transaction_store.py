"""The transactions of the node's account in its database: each step is on the disk before the next."""

from __future__ import annotations

from sqlalchemy import Connection, delete, insert, select

from golemnet.chain.transaction import StoredTransaction
from golemnet.daemon.payment.store import record, transaction_table, values
from golemnet.database.database import Database

_columns = transaction_table.c


class StoredTransactions:
    """A ``TransactionStore``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, chain: str, sender: str, intent: str) -> StoredTransaction | None:
        """The transaction for ``intent``; None if there is none."""
        mine = (_columns.chain == chain) & (_columns.sender == sender) & (_columns.intent == intent)

        def look(connection: Connection) -> StoredTransaction | None:
            row = connection.execute(select(transaction_table).where(mine)).one_or_none()
            return None if row is None else record(row, StoredTransaction)

        return await self._database.read(look)

    async def put(self, transaction: StoredTransaction) -> None:
        """Keep ``transaction`` in place of an earlier one for its intent."""
        same = (_columns.chain == transaction.chain) & (_columns.sender == transaction.sender)

        def write(connection: Connection) -> None:
            old = delete(transaction_table).where(same & (_columns.intent == transaction.intent))
            connection.execute(old)
            connection.execute(insert(transaction_table).values(**values(transaction)))

        await self._database.write(write, durable=True)

    async def by_hash(self, hash_: str) -> list[StoredTransaction]:
        """The transactions that have, or had, this hash."""
        everything = select(transaction_table)
        found = await self._database.read(
            lambda connection: [record(row, StoredTransaction) for row in connection.execute(everything)]
        )
        return [each for each in found if hash_ in each.hashes]

    async def newest(self, chain: str, sender: str, limit: int) -> list[StoredTransaction]:
        """The last ``limit`` transactions by nonce, the highest first."""
        mine = (_columns.chain == chain) & (_columns.sender == sender)
        query = select(transaction_table).where(mine).order_by(_columns.nonce.desc()).limit(limit)
        return await self._database.read(
            lambda connection: [record(row, StoredTransaction) for row in connection.execute(query)]
        )
