"""Shells of a local network: ``eval "$(golem local env)"`` has named its files to what runs there."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

DEFAULT_DIRECTORY = "~/.local/share/golemnet/local"
START_HINT = "Start it by `yagna service run`, or point YAGNA_API_URL at the one that runs."
RESTART_HINT = "End its process, if it stays so, and start it again by `yagna service run`."
KEY_HINT = (
    'Run `export YAGNA_APPKEY="$(yagna app-key create NAME)"`, '
    'or `eval "$(golem local env)"` for a local network.'
)


def local_directory(environment: Mapping[str, str]) -> Path | None:
    """The directory of the local network that ``environment`` is for; None if it is for none."""
    chain_file, data_dir = environment.get("GOLEM_CHAIN_FILE"), environment.get("YAGNA_DATADIR")
    if not chain_file or not data_dir:
        return None
    directory = Path(chain_file).parent.parent
    is_local = Path(chain_file) == directory / "chain" / "chain.json" and Path(data_dir).parent == directory
    return directory if is_local else None


def start_hint(environment: Mapping[str, str], elsewhere: str = START_HINT) -> str:
    """How a daemon is started that does not answer; ``elsewhere`` than in a local network."""
    directory = local_directory(environment)
    if directory is None:
        return elsewhere
    option = _option(directory)
    return (
        "This shell is for a local network that has ended, or was started anew: "
        f'`golem local up{option}` unless it is up, then `eval "$(golem local env{option})"`.'
    )


def restart_hint(environment: Mapping[str, str]) -> str:
    """What to do about a daemon that runs and does not answer."""
    directory, name = local_directory(environment), Path(environment.get("YAGNA_DATADIR", "")).name
    if directory is None:
        return RESTART_HINT
    return f"Start it anew, if it stays so: `golem local restart {name}{_option(directory)}`."


def _option(directory: Path) -> str:
    is_usual = directory == Path(DEFAULT_DIRECTORY).expanduser()
    return "" if is_usual else f" --dir {shlex.quote(str(directory))}"
