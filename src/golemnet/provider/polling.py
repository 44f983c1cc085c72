"""Long polls that outlive their daemon."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import structlog

from golemnet.clock import Clock
from golemnet.rest.errors import ApiError
from golemnet.rest.transport import DaemonUnreachable

POLL_S = 20.0
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0
# Failures of the moment, by HTTP status; any other one will be the same next time.
PASSING = frozenset({408, 429, 500, 502, 503, 504})

log = structlog.get_logger(__name__)
Item = TypeVar("Item")


def pause_s(failures: int) -> float:
    """Doubling from ``FIRST_PAUSE_S`` up to ``LONGEST_PAUSE_S``."""
    return min(FIRST_PAUSE_S * 2 ** min(failures - 1, 10), LONGEST_PAUSE_S)


async def follow(
    what: str,
    clock: Clock,
    poll: Callable[[], Awaitable[Sequence[Item]]],
    act: Callable[[Item], Awaitable[None]],
) -> None:
    """Poll for ever and act on each item; a daemon that is away or fails is asked again after a pause.

    Raises:
        ApiError: it refuses the poll, which asking again cannot help.
    """
    failures = 0
    while True:
        try:
            items = await insist(what, clock, poll)
        except ApiError as error:
            if error.status not in PASSING:
                raise
            failures += 1
            log.warning("the daemon has failed", asked=what, why=str(error))
            await clock.sleep(pause_s(failures))
            continue
        failures = 0
        for item in items:
            await act(item)


async def insist(what: str, clock: Clock, do: Callable[[], Awaitable[Item]]) -> Item:
    """Do it as soon as the daemon is there.

    Raises:
        ApiError: the daemon refuses, or has failed.
    """
    failures = 0
    while True:
        try:
            return await do()
        except DaemonUnreachable as error:
            failures += 1
            if failures == 1:
                log.warning("the daemon does not answer", asked=what, why=str(error))
            await clock.sleep(pause_s(failures))
