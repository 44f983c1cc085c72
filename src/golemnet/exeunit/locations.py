"""Where a transfer comes from or goes to, read from its text. Pure."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

import msgspec

from golemnet.exeunit.errors import TransferFailed

MAX_LOCATION: Final = 4096
_NODE = re.compile(r"0x[0-9a-fA-F]{40}")
_FILE = re.compile(r"[A-Za-z0-9._-]{1,200}")


class Inside(msgspec.Struct, frozen=True):
    """A path in the environment, absolute."""

    path: str


class Published(msgspec.Struct, frozen=True):
    """A file or a place for one at another node, reached by gftp through the daemon."""

    node_id: str
    file_id: str


class Web(msgspec.Struct, frozen=True):
    """An http or https address."""

    url: str


Location = Inside | Published | Web


def parse_location(text: str) -> Location:
    """Read ``container:/path``, ``gftp://node/file`` or ``http(s)://...``.

    Raises:
        TransferFailed: it is none of them.
    """
    if len(text) > MAX_LOCATION or "\0" in text:
        raise TransferFailed("The address of a transfer is too long or holds a zero byte.")
    scheme, _, rest = text.partition(":")
    readers = {"container": _inside, "gftp": _published, "http": _web, "https": _web}
    if scheme.lower() not in readers:
        raise TransferFailed(
            f"Transfers do not understand {text[:200]!r}.",
            next_step="Use container:/path, gftp://node/file, http:// or https://.",
        )
    try:
        return readers[scheme.lower()](text, rest)
    except ValueError as error:
        raise TransferFailed(f"{text[:200]!r} is not an address.", why=str(error)) from error


def _inside(text: str, rest: str) -> Inside:
    if not rest.startswith("/") or ".." in rest.split("/"):
        raise TransferFailed(f"{text[:200]!r} must be an absolute path without '..'.")
    return Inside(rest)


def _published(text: str, _rest: str) -> Published:
    parts = urlsplit(text)
    file_id = parts.path.removeprefix("/")
    if not _NODE.fullmatch(parts.netloc) or not _FILE.fullmatch(file_id):
        raise TransferFailed(f"{text[:200]!r} is not of the form gftp://0x<node>/<file>.")
    return Published(parts.netloc.lower(), file_id)


def _web(text: str, _rest: str) -> Web:
    if not urlsplit(text).hostname:
        raise TransferFailed(f"{text[:200]!r} names no host.")
    return Web(text)
