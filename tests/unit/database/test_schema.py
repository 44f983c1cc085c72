"""The migrations give exactly the tables that the services declare."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection

import golemnet.daemon
import golemnet.database.outbox
from golemnet.database.database import Database
from golemnet.database.schema import metadata


@pytest.fixture(scope="module", autouse=True)
def declared():
    root = Path(golemnet.daemon.__file__).parent
    for path in root.glob("*/*store*.py"):
        importlib.import_module(f"golemnet.daemon.{path.parent.name}.{path.stem}")


async def test_a_new_database_has_what_is_declared(tmp_path: Path):
    database = Database(f"sqlite:///{tmp_path}/yagna.db")
    await database.open()
    try:
        differences = await database.write(_differences)
    finally:
        await database.close()
    assert differences == []
    assert "activity" in metadata.tables


def _differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_type": False})
    return list(compare_metadata(context, metadata))
