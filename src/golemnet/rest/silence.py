"""Whether a daemon answers: since when it does not, and what is told of it, once."""

from __future__ import annotations

import time
from collections.abc import Callable

from golemnet.errors import GolemError


class Silence:
    """Begins with a call that finds no daemon or one that hangs, and ends with the next answer.

    ``tell`` hears of both, for people. Once it ``is_given_up``, calls only look whether it is back.
    """

    def __init__(self) -> None:
        self._since: float | None = None
        self._heard = 0.0
        self.is_given_up = False
        self.error: GolemError | None = None
        self.tell: Callable[[str], None] = lambda text: None

    def since(self, began: float) -> float:
        """Since when nothing was answered, as far as a call can say that began then and had no answer."""
        return max(self._heard, began)

    def begins(self, error: GolemError, since: float | None = None) -> None:
        """Nobody answers, perhaps since some time ago; nothing if that is known."""
        if self._since is None:
            self._since, self.error = time.monotonic() if since is None else since, error
            self.tell(f"the daemon does not answer; it is waited for ({error.why})")

    def ends(self) -> None:
        """It has answered."""
        self._heard = time.monotonic()
        if self._since is not None:
            self._since, self.error, self.is_given_up = None, None, False
            self.tell("the daemon answers again")

    @property
    def lasted_s(self) -> float:
        """For how many seconds it has not answered; 0 if it does."""
        return 0.0 if self._since is None else time.monotonic() - self._since
