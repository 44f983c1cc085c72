"""The image that a demand asks for: ``hash:sha3:<56 hex digits>:<url>``, also ``hash://sha3:...``."""

from __future__ import annotations

import re
from typing import Final

import msgspec

_ADDRESS: Final = r"https?://\S{1,2000}|gftp://0x[0-9a-fA-F]{40}/[\w.-]{1,200}"
_FORM: Final = re.compile(rf"hash:(?://)?sha3:([0-9a-fA-F]{{56}}):({_ADDRESS})")


class TaskPackage(msgspec.Struct, frozen=True):
    """SHA3-224 of the image in lower-case hex, and where it can be fetched."""

    sha3_224: str
    url: str

    def __str__(self) -> str:
        return f"hash:sha3:{self.sha3_224}:{self.url}"


def parse_task_package(text: str) -> TaskPackage:
    """Read the property ``golem.srv.comp.task_package``.

    Raises:
        ValueError: it is malformed, or names another kind of hash.
    """
    found = _FORM.fullmatch(text)
    if found is None:
        raise ValueError(
            f"{text[:200]!r} is not of the form hash:sha3:<56 hex digits>:<http or gftp address>"
        )
    return TaskPackage(found[1].lower(), found[2])
