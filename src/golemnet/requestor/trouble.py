"""What goes wrong again and again is told once, and once that it is over."""

from __future__ import annotations

import logging

from golemnet.rest.transport import DaemonUnreachable

log = logging.getLogger(__name__)


class Trouble:
    """Something that is tried until it works.

    Args:
        what: is wrong while it does not.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._is_told = False

    def begins(self, error: Exception) -> None:
        """It has failed. Of a daemon that is away the client tells, for all that ask it."""
        if not self._is_told and not isinstance(error, DaemonUnreachable):
            self._is_told = True
            log.warning("%s: %s", self._what, error)

    def ends(self) -> None:
        """It has worked."""
        if self._is_told:
            self._is_told = False
            log.warning("%s: no more", self._what)
