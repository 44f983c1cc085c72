"""``yagna service run``: the daemon itself."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

from cyclopts import App, Parameter

from golemnet.cli.context import Given

if TYPE_CHECKING:
    from golemnet.daemon.settings import Settings

app = App(name="service", help="Run the node.")


@app.command
def run(
    *,
    api_url: Annotated[str | None, Parameter(name=["--api-url", "-a"])] = None,
    net_bind: str | None = None,
    net_bootstrap: str | None = None,
    net_relays: str | None = None,
    net_lan: bool | None = None,
    chain_file: Path | None = None,
    database_url: str | None = None,
    key_passphrase_file: Path | None = None,
    ask_passphrase: Annotated[bool, Parameter(negative="")] = False,
    api_allow_origin: str | None = None,
    log_level: str | None = None,
    log_json: Annotated[bool | None, Parameter(negative="")] = None,
    context: Given,
) -> None:
    """Run the node in the foreground until SIGTERM or Ctrl-C.

    What is not given comes from the environment, then from .env in the working directory.

    Args:
        api_url: where the REST API listens (YAGNA_API_URL).
        net_bind: UDP address of the node-to-node network (GOLEM_NET_BIND).
        net_bootstrap: nodes to join by, separated by commas (GOLEM_NET_BOOTSTRAP).
        net_relays: relays to be reached by, separated by commas (GOLEM_NET_RELAYS).
        net_lan: whether nodes of one LAN find each other (GOLEM_NET_LAN).
        chain_file: description of the Ethereum chain (GOLEM_CHAIN_FILE).
        database_url: another database than SQLite in the data directory (YAGNA_DATABASE_URL).
        key_passphrase_file: a file with the passphrase of the stored key (YAGNA_KEY_PASSPHRASE_FILE).
        ask_passphrase: ask for that passphrase on the terminal; it is written nowhere.
        api_allow_origin: web origins that may use the API, separated by commas (YAGNA_API_ALLOW_ORIGIN).
        log_level: debug, info, warning or error (YAGNA_LOG_LEVEL).
        log_json: write each log line as JSON (YAGNA_LOG_JSON).
    """
    from golemnet.daemon.settings import load_settings

    arguments = {
        "data_dir": context.data_dir,
        "api_url": api_url,
        "net_bind": net_bind,
        "net_bootstrap": net_bootstrap,
        "net_relays": net_relays,
        "net_lan": net_lan,
        "chain_file": chain_file,
        "database_url": database_url,
        "key_passphrase_file": key_passphrase_file,
        "allow_origins": api_allow_origin,
        "log_level": log_level,
        "log_json": log_json,
    }
    settings = load_settings(arguments)
    _become_daemon(_asked(settings) if ask_passphrase else settings)


def _asked(settings: Settings) -> Settings:
    """The settings with a passphrase from the terminal, in memory that the daemon inherits.

    Not in its environment: every program of the user can read that of another one.
    """
    import msgspec

    from golemnet.cli.passphrases import ask
    from golemnet.daemon.identity.opening import DIRECTORY

    is_new = not any((settings.data_dir / DIRECTORY).glob("0x*.json"))
    secret = ask("Passphrase of the node's key", twice=is_new)
    memory = os.memfd_create("passphrase", 0)
    os.write(memory, secret.encode())
    return msgspec.structs.replace(
        settings, key_passphrase=None, key_passphrase_file=Path(f"/proc/self/fd/{memory}")
    )


def _become_daemon(settings: Settings) -> NoReturn:
    """Go on as the daemon in this very process, without the command line's modules in its memory."""
    from golemnet.daemon.settings import environment_of

    environment = {name: value for name, value in os.environ.items() if name != "GSB_URL"}
    program = [sys.executable, "-P", "-m", "golemnet.daemon"]
    os.execve(program[0], program, environment | environment_of(settings))
