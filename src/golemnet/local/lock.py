"""One supervisor a directory."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from golemnet.errors import GolemError
from golemnet.file_locks import try_lock
from golemnet.local.layout import Layout

# A supervisor that has closed its door is gone within this time.
PATIENCE_S = 3.0
_POLL_S = 0.02


@contextmanager
def only_one(layout: Layout) -> Iterator[None]:
    """Hold the lock of the network's directory.

    Raises:
        GolemError: a supervisor lives there.
    """
    with layout.lock.open("w") as file:
        _acquire(file, layout)
        yield


def _acquire(file: IO[str], layout: Layout) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not try_lock(file):
        if time.monotonic() > deadline:
            raise GolemError(
                f"A local network in {layout.directory} is up already.",
                next_step="Use it (golem local status), or end it: golem local down",
            )
        time.sleep(_POLL_S)
