"""Where a transfer comes from or goes to, read from its text. Pure."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

import msgspec

from golemnet.exeunit.errors import TransferFailed

MAX_LOCATION: Final = 4096
_NODE = re.compile(r"0x[0-9a-fA-F]{40}")
DIGEST_DIGITS: Final = (56, 64, 96, 128)
_HASHED = re.compile(r"(?://)?sha3:([0-9a-fA-F]+):(.+)")
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


class Checked(msgspec.Struct, frozen=True):
    """A source whose content must have the SHA-3 ``digest``; its length says which SHA-3."""

    source: Published | Web
    digest: str


Location = Inside | Published | Web | Checked


def parse_location(text: str) -> Location:
    """Read ``container:/path``, ``gftp://node/file``, ``http(s)://...``, or ``hash:sha3:HEX:`` before these.

    Raises:
        TransferFailed: it is none of them.
    """
    if len(text) > MAX_LOCATION or "\0" in text:
        raise TransferFailed("The address of a transfer is too long or holds a zero byte.")
    scheme, _, rest = text.partition(":")
    readers = {"container": _inside, "gftp": _published, "http": _web, "https": _web, "hash": _checked}
    if scheme.lower() not in readers:
        raise TransferFailed(
            f"Transfers do not understand {text[:200]!r}.",
            next_step="Use container:/path, gftp://node/file, http://, https:// or hash:sha3:HEX:http://...",
        )
    try:
        return readers[scheme.lower()](text, rest)
    except ValueError as error:
        raise TransferFailed(f"{text[:200]!r} is not an address.", why=str(error)) from error


def _checked(text: str, rest: str) -> Checked:
    found = _HASHED.fullmatch(rest)
    if found is None or len(found[1]) not in DIGEST_DIGITS:
        raise TransferFailed(f"{text[:200]!r} is not of the form hash:sha3:HEX:ADDRESS.")
    source = parse_location(found[2])
    if not isinstance(source, Published | Web):
        raise TransferFailed("Only what comes from outside can be checked by a hash.")
    return Checked(source, found[1].lower())


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
