"""Whom and when an owner serves: requestors and images that are allowed or denied, hours, idleness. Pure."""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping
from datetime import time
from typing import Any

import msgspec

from golemnet.errors import GolemError
from golemnet.model.manifest import package_of

IDLE_LOAD = 0.25
"""A machine is idle while fewer processes than this want each of its processors, over the last minute."""

_REQUESTOR = re.compile(r"0x[0-9a-f]{40}")
_IMAGE = re.compile(r"[0-9a-f]{56}")
_HOURS = re.compile(r"(\d\d:\d\d)-(\d\d:\d\d)")


class Rules(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an owner has decided; without a decision everybody is served at all times.

    ``allowed`` and ``denied`` hold node ids of requestors and SHA3-224 hashes of images. A kind of which some
    are allowed is closed to all others. ``hours`` is of the form ``22:00-06:00``, local time.
    """

    allowed: list[str] = msgspec.field(default_factory=list[str])
    denied: list[str] = msgspec.field(default_factory=list[str])
    hours: str = ""
    only_when_idle: bool = False

    def objection(self, requestor_id: str, demand: Mapping[str, Any]) -> str:
        """Why this requestor or its image is not served; empty if both are."""
        if not self._admits(_REQUESTOR, requestor_id.lower()):
            return "The provider's owner does not work for this requestor."
        if not self._admits(_IMAGE, _image_of(demand)):
            return "The provider's owner does not run this image."
        return ""

    def _admits(self, kind: re.Pattern[str], name: str) -> bool:
        chosen = [each for each in self.allowed if kind.fullmatch(each)]
        return name not in self.denied and (not chosen or name in chosen)

    def is_open(self, now: time, load: float) -> bool:
        """Whether to sell at this time of day, at this load of each processor."""
        return self._is_hour(now) and not (self.only_when_idle and load >= IDLE_LOAD)

    def _is_hour(self, now: time) -> bool:
        if not self.hours:
            return True
        first, last = parse_hours(self.hours)
        return first <= now < last if first < last else now >= first or now < last

    def allowing(self, name: str) -> Rules:
        """With ``name`` allowed. Raises GolemError if it is neither a requestor nor an image."""
        known = checked_name(name)
        forgotten = self.forgetting(known)
        return msgspec.structs.replace(forgotten, allowed=[*forgotten.allowed, known])

    def denying(self, name: str) -> Rules:
        """With ``name`` denied. Raises GolemError if it is neither a requestor nor an image."""
        known = checked_name(name)
        forgotten = self.forgetting(known)
        return msgspec.structs.replace(forgotten, denied=[*forgotten.denied, known])

    def forgetting(self, name: str) -> Rules:
        """With nothing decided about ``name``. Raises GolemError if it is neither of them."""
        known = checked_name(name)
        return msgspec.structs.replace(
            self,
            allowed=[each for each in self.allowed if each != known],
            denied=[each for each in self.denied if each != known],
        )


def checked_name(text: str) -> str:
    """A requestor's node id or an image's hash, in lower case. Raises GolemError."""
    name = text.strip().lower()
    if not _REQUESTOR.fullmatch(name) and not _IMAGE.fullmatch(name):
        raise GolemError(
            f"{text[:80]!r} is neither a requestor nor an image.",
            next_step="Give a node id (0x and 40 hex digits) or the hash of an image (56 hex digits).",
        )
    return name


def kind_of(name: str) -> str:
    """``requestor`` or ``image``."""
    return "requestor" if _REQUESTOR.fullmatch(name) else "image"


def parse_hours(text: str) -> tuple[time, time]:
    """From when to when. Raises GolemError."""
    found = _HOURS.fullmatch(text)
    try:
        if found is not None:
            return time.fromisoformat(found[1]), time.fromisoformat(found[2])
    except ValueError:
        pass
    raise GolemError(f"{text[:40]!r} are no hours.", next_step="Give them like 22:00-06:00.")


def _image_of(demand: Mapping[str, Any]) -> str:
    try:
        package = package_of(demand, platform.machine())
    except ValueError:
        return ""
    return package.sha3_224 if package else ""
