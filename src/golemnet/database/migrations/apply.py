"""Brings a database to the revision of this program; free when it is there already.

Alembic costs 0.2 s and some megabytes to import, so it is not touched unless a revision has to be applied.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from golemnet.errors import GolemError

_SCRIPTS = Path(__file__).parent


class NewerDatabase(GolemError):
    """The database was written by a newer version of the program."""


def head() -> str:
    """The newest revision that this program knows: the number in front of the last file's name."""
    return max(path.name.split("_")[0] for path in (_SCRIPTS / "versions").glob("[0-9]*_*.py"))


def revision(engine: Engine) -> str | None:
    """The revision that the database is at; None if it is new."""
    with engine.connect() as connection:
        try:
            return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        except (OperationalError, ProgrammingError):
            return None


def migrate(engine: Engine) -> None:
    """Apply the revisions that the database lacks, each in a transaction.

    Raises:
        NewerDatabase: it holds a revision that this program does not know.
    """
    current = revision(engine)
    if current == head():
        return
    if current is not None and current > head():
        raise NewerDatabase(
            f"The database is at revision {current}, this program knows {head()}.",
            why="A newer version of the program has written it.",
            next_step="Install that version, or name another data directory.",
        )
    _upgrade(engine)


def _upgrade(engine: Engine) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    with engine.connect() as connection, connection.begin():
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
