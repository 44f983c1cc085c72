"""What a daemon can be told, in one table: from arguments first, then the environment, then ``.env``."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from golemnet.errors import GolemError
from golemnet.net.records import check_relay_url

DEFAULT_API_URL = "http://127.0.0.1:7465"
DEFAULT_DATA_DIR = Path("~/.local/share/yagna")
SOCKET_NAME = "yagna.sock"
DATABASE_NAME = "yagna.db"


class SettingsError(GolemError):
    """A setting has a value that makes no sense."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that shapes one node; built once and handed down.

    ``data_dir`` holds all that the node keeps: database, keys, socket. ``net_bootstrap`` are addresses
    ``<endpoint id hex>@host:port``, ``net_relays`` are URLs. ``chain_file`` describes the Ethereum chain;
    without one the node runs, and payments answer that no chain is configured.
    """

    data_dir: Path
    api_url: str = DEFAULT_API_URL
    identity_secret: str | None = None
    app_key: str | None = None
    net_bind: str = "0.0.0.0:11500"
    net_bootstrap: tuple[str, ...] = ()
    net_relays: tuple[str, ...] = ()
    net_lan: bool = True
    chain_file: Path | None = None
    database_url: str | None = None
    key_passphrase: str | None = None
    key_passphrase_file: Path | None = None
    allow_origins: tuple[str, ...] = ()
    gsb_url: str | None = None
    log_level: str = "info"
    log_json: bool = False

    @property
    def socket_path(self) -> Path:
        """The unix socket on which the owner of the node administers it."""
        return Path(self.gsb_url.removeprefix("unix:")) if self.gsb_url else self.data_dir / SOCKET_NAME

    @property
    def database(self) -> str:
        """The SQLAlchemy URL of the database: SQLite in the data directory unless another is set."""
        return self.database_url or f"sqlite:///{self.data_dir / DATABASE_NAME}"

    @property
    def api_address(self) -> tuple[str, int]:
        """Host and port of the REST API; port 0 asks the system for a free one."""
        parts = urlsplit(self.api_url)
        return parts.hostname or "127.0.0.1", 7465 if parts.port is None else parts.port


class Option(msgspec.Struct, frozen=True):
    """A line of the table: the field of ``Settings``, its environment variable, how to read its text."""

    field: str
    variable: str
    help: str
    read: Callable[[str], Any] = str


def _path(text: str) -> Path:
    return Path(text).expanduser().absolute()


def _list(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _flag(text: str) -> bool:
    return text.strip().lower() in ("1", "true", "yes", "on")


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme != "http" or not parts.hostname or (parts.port or 0) > 65535:
        raise ValueError("an address of the form http://host:port is needed")
    return text.rstrip("/")


def _urls(text: str) -> tuple[str, ...]:
    urls = _list(text)
    for url in urls:
        check_relay_url(url)
    return urls


def _unix(text: str) -> str:
    if not text.startswith("unix:/"):
        raise ValueError("unix: and an absolute path are needed")
    return text


def _level(text: str) -> str:
    if text.lower() not in ("debug", "info", "warning", "error"):
        raise ValueError("one of debug, info, warning, error is needed")
    return text.lower()


OPTIONS = (
    Option("data_dir", "YAGNA_DATADIR", "Where the node keeps its database, keys and socket.", _path),
    Option("api_url", "YAGNA_API_URL", "Where the REST API listens; port 0 takes a free one.", _url),
    Option("identity_secret", "YAGNA_AUTOCONF_ID_SECRET", "A private key (64 hex) to use as identity."),
    Option("app_key", "YAGNA_AUTOCONF_APPKEY", "An application key to create at start."),
    Option("net_bind", "GOLEM_NET_BIND", "UDP address of the node-to-node network."),
    Option("net_bootstrap", "GOLEM_NET_BOOTSTRAP", "Nodes to join by: <endpoint id>@host:port, ...", _list),
    Option("net_relays", "GOLEM_NET_RELAYS", "Relays to be reached by: http://host:port, ...", _urls),
    Option("net_lan", "GOLEM_NET_LAN", "Whether nodes of one LAN find each other; 0 for no.", _flag),
    Option("chain_file", "GOLEM_CHAIN_FILE", "Description of the Ethereum chain for payments.", _path),
    Option("database_url", "YAGNA_DATABASE_URL", "Another database than SQLite in the data directory."),
    Option("key_passphrase", "YAGNA_KEY_PASSPHRASE", "Opens the stored identity key."),
    Option("key_passphrase_file", "YAGNA_KEY_PASSPHRASE_FILE", "A file with that passphrase.", _path),
    Option("allow_origins", "YAGNA_API_ALLOW_ORIGIN", "Web origins that may use the API, or *.", _list),
    Option("gsb_url", "GSB_URL", "The owner's socket, unix:<path>; else it is in the data directory.", _unix),
    Option("log_level", "YAGNA_LOG_LEVEL", "debug, info, warning or error.", _level),
    Option("log_json", "YAGNA_LOG_JSON", "Write each log line as JSON.", _flag),
)


def load_settings(
    arguments: Mapping[str, Any] | None = None, environment: Mapping[str, str] | None = None
) -> Settings:
    """The settings from ``arguments`` (field names, None means not given), environment and ``./.env``.

    Raises:
        SettingsError: a value makes no sense; the error names the variable.
    """
    given = {name: value for name, value in (arguments or {}).items() if value is not None}
    texts = {**_dotenv(), **(os.environ if environment is None else environment)}
    if "data_dir" in given:
        # The environment's socket belongs to the environment's data directory.
        texts.pop("GSB_URL", None)
    values: dict[str, Any] = {"data_dir": DEFAULT_DATA_DIR.expanduser()}
    for option in OPTIONS:
        source = given.get(option.field, texts.get(option.variable))
        if source not in (None, ""):
            values[option.field] = _read(option, source)
    return Settings(**values)


def environment_of(settings: Settings) -> dict[str, str]:
    """The environment from which another process loads the same settings."""
    texts = {option.variable: _text(getattr(settings, option.field)) for option in OPTIONS}
    return {name: text for name, text in texts.items() if text is not None}


def _text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, tuple):
        return ",".join(value)
    return None if value is None else str(value)


def _read(option: Option, source: Any) -> Any:
    if not isinstance(source, str):
        return source
    try:
        return option.read(source)
    except ValueError as error:
        raise SettingsError(
            f"{option.variable} cannot be {source!r}.", why=str(error), next_step=option.help
        ) from error


def _dotenv() -> dict[str, str]:
    path = Path.cwd() / ".env"
    if not path.is_file():
        return {}
    from dotenv import dotenv_values

    return {name: value for name, value in dotenv_values(path).items() if value is not None}
