"""Whether a daemon answers: since when it does not, and what is told of it, once."""

from __future__ import annotations

import time
from collections.abc import Callable

from golemnet.errors import GolemError


class Silence:
    """Begins with a call that finds no daemon, and ends with the next answer.

    ``tell`` hears of both, for people.
    """

    def __init__(self) -> None:
        self._since: float | None = None
        self.error: GolemError | None = None
        self.tell: Callable[[str], None] = lambda text: None

    def begins(self, error: GolemError) -> None:
        """Nobody answers; nothing if that is known."""
        if self._since is None:
            self._since, self.error = time.monotonic(), error
            self.tell(f"the daemon does not answer; it is waited for ({error.why})")

    def ends(self) -> None:
        """It has answered."""
        if self._since is not None:
            self._since, self.error = None, None
            self.tell("the daemon answers again")

    @property
    def lasted_s(self) -> float:
        """For how many seconds it has not answered; 0 if it does."""
        return 0.0 if self._since is None else time.monotonic() - self._since
