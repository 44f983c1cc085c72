"""Which daemon a program's files go through, read from its environment. Light: imported at every start."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

DEFAULT_API_URL = "http://127.0.0.1:7465"
DEFAULT_DATA_DIR = "~/.local/share/yagna"
SOCKET_NAME = "yagna.sock"
# Clients of 2020 know no address for the whole API, only for its parts.
API_VARIABLES = ("YAGNA_API_URL", "YAGNA_MARKET_URL", "YAGNA_ACTIVITY_URL", "YAGNA_PAYMENT_URL")


class DaemonAddress(msgspec.Struct, frozen=True):
    """Where the daemon listens.

    Attributes:
        api_url: base address; on a unix socket its host means nothing.
        app_key: the bearer key; None on a unix socket.
        socket: path of the unix socket; None over TCP.
    """

    api_url: str
    app_key: str | None = None
    socket: str | None = None


def daemon_of(environment: Mapping[str, str]) -> DaemonAddress:
    """By ``GSB_URL=unix:<path>`` first, then by an application key, then by the owner's socket."""
    named = environment.get("GSB_URL", "")
    if named.startswith("unix:"):
        return DaemonAddress("http://localhost", socket=named.removeprefix("unix:"))
    if key := environment.get("YAGNA_APPKEY"):
        return DaemonAddress(_api_url(environment), app_key=key)
    folder = Path(environment.get("YAGNA_DATADIR") or DEFAULT_DATA_DIR).expanduser()
    return DaemonAddress("http://localhost", socket=str(folder / SOCKET_NAME))


def _api_url(environment: Mapping[str, str]) -> str:
    given = next((environment[name] for name in API_VARIABLES if environment.get(name)), DEFAULT_API_URL)
    parts = urlsplit(given)
    return f"{parts.scheme}://{parts.netloc}"
