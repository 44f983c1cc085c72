"""The migrated tables are those that the code declares, and stored transactions come back as they were."""

import pytest
from sqlalchemy import inspect

from golemnet.chain.transaction import StoredTransaction, TransactionsInMemory
from golemnet.daemon.payment.store import TABLES
from golemnet.daemon.payment.transaction_store import StoredTransactions
from golemnet.database.database import Database


@pytest.fixture
async def database(tmp_path):
    database = Database(f"sqlite:///{tmp_path / 'test.db'}")
    await database.open()
    yield database
    await database.close()


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
async def test_migration_creates_the_declared_table(database, table):
    def look(connection):
        found = inspect(connection)
        columns = {each["name"]: each["nullable"] for each in found.get_columns(table.name)}
        indices = {tuple(each["column_names"]) for each in found.get_indexes(table.name)}
        return columns, found.get_pk_constraint(table.name)["constrained_columns"], indices

    columns, key, indices = await database.read(look)

    assert columns == {each.name: each.nullable for each in table.columns}
    assert key == [each.name for each in table.primary_key.columns]
    assert indices == {tuple(column.name for column in each.columns) for each in table.indexes}


def transaction(intent, nonce, **more):
    values = {
        "to": "0xto",
        "data": b"\x00",
        "gas": 1,
        "hash": intent,
        "raw": b"\xff",
        "max_fee": 2**60,
        "tip": 1,
    }
    return StoredTransaction(chain="chain", sender="sender", intent=intent, nonce=nonce, **(values | more))


@pytest.fixture(params=["memory", "database"])
def store(request, database):
    return TransactionsInMemory() if request.param == "memory" else StoredTransactions(database)


async def test_transactions_are_kept_by_intent_and_told_by_nonce(store):
    for nonce in (1, 3, 2):
        await store.put(transaction(f"pay-{nonce}", nonce))
    await store.put(transaction("pay-2", 4, state="confirmed"))

    assert await store.find("chain", "sender", "pay-2") == transaction("pay-2", 4, state="confirmed")
    assert await store.find("other chain", "sender", "pay-2") is None
    assert [each.nonce for each in await store.newest("chain", "sender", 2)] == [4, 3]
    assert await store.newest("chain", "another", 2) == []
