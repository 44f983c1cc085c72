"""``ya-provider access``: which requestors are served and which images are run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
from cyclopts import App

from golemnet.cli.output import show_rows
from golemnet.cli.ya_provider_local import settings_to_change
from golemnet.cli.ya_provider_options import AsJson, DataDir
from golemnet.provider.presets import load, save
from golemnet.provider.reports import access_rows
from golemnet.provider.rules import Rules
from golemnet.provider.settings import settings_from

app = App(name="access", help="Which requestors are served and which images are run.")


@app.command(name="list")
def show(*, data_dir: DataDir = None, json: AsJson = False) -> None:
    """What is allowed and what is denied. Where nothing of a kind is allowed, all of it is but the denied.

    Args:
        data_dir: the agent's data (DATA_DIR).
        json: for programs.
    """
    rules = load(settings_from(data_dir=data_dir).preferences_file).rules
    show_rows(access_rows(rules), as_json=json, columns=("kind", "name", "access"))


@app.command
def allow(name: str, *, data_dir: DataDir = None) -> None:
    """Serve a requestor, or run an image, and no others of its kind but those allowed, too.

    Args:
        name: node id of a requestor, or hash of an image.
        data_dir: the agent's data (DATA_DIR).
    """
    _change(data_dir, lambda rules: rules.allowing(name))


@app.command
def deny(name: str, *, data_dir: DataDir = None) -> None:
    """Never serve a requestor, or never run an image.

    Args:
        name: node id of a requestor, or hash of an image.
        data_dir: the agent's data (DATA_DIR).
    """
    _change(data_dir, lambda rules: rules.denying(name))


@app.command
def forget(name: str, *, data_dir: DataDir = None) -> None:
    """Take back what was decided about a requestor or an image.

    Args:
        name: node id of a requestor, or hash of an image.
        data_dir: the agent's data (DATA_DIR).
    """
    _change(data_dir, lambda rules: rules.forgetting(name))


def _change(data_dir: Path | None, change: Callable[[Rules], Rules]) -> None:
    file = settings_to_change(data_dir).preferences_file
    known = load(file)
    save(file, msgspec.structs.replace(known, rules=change(known.rules)))
