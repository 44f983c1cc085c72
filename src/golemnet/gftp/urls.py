"""The address of a shared file: ``gftp://0x<node id>/<file id>``.

A published file's id is a hash of its content (``content_names``), so that who fetches it can check it.
The id of a place that receives a file is random, and a secret between those who are to use it.
"""

from __future__ import annotations

import re

import msgspec

from golemnet.model.node_id import NodeId

SCHEME = "gftp://"
_FILE_ID = re.compile(r"[A-Za-z0-9._-]{1,200}")


class GftpUrl(msgspec.Struct, frozen=True):
    """A file at a node; str() gives the text."""

    node: NodeId
    file_id: str

    def __str__(self) -> str:
        return f"{SCHEME}{self.node}/{self.file_id}"


def parse_url(text: str) -> GftpUrl:
    """Read ``gftp://0x<node>/<file>``. Raises ValueError."""
    node, slash, file_id = text.removeprefix(SCHEME).partition("/")
    if not text.startswith(SCHEME) or not slash:
        raise ValueError(f"{text[:200]!r} is not of the form gftp://0x<node>/<file>")
    return GftpUrl(NodeId.parse(node), check_file_id(file_id))


def check_file_id(text: str) -> str:
    """``text``, if it can name a file. Raises ValueError."""
    if not _FILE_ID.fullmatch(text) or text in (".", ".."):
        raise ValueError(f"{text[:80]!r} cannot name a shared file")
    return text
