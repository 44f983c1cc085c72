"""Starting and ending a local network from another process."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
import sys
from collections.abc import Callable

import msgspec

from golemnet.errors import GolemError
from golemnet.local import control
from golemnet.local.layout import Layout
from golemnet.local.leftovers import remove_leftovers
from golemnet.local.lock import only_one
from golemnet.local.messages import Progress
from golemnet.local.plan import DRIVERS, MAX_PROVIDERS, Choices

STOP_TIMEOUT_S = 40.0


def launch(layout: Layout, choices: Choices, on_progress: Callable[[Progress], None]) -> None:
    """Bring a network up and return; its supervisor goes on as a process of its own.

    If this is interrupted, the network is taken down again.

    Raises:
        GolemError: something does not start; nothing is left running then.
    """
    if not 1 <= choices.providers <= MAX_PROVIDERS:
        raise GolemError(f"A local network has 1 to {MAX_PROVIDERS} providers, not {choices.providers}.")
    if choices.driver not in DRIVERS:
        raise GolemError(f"Nothing is paid by {choices.driver!r}.", next_step=f"Say {' or '.join(DRIVERS)}.")
    layout.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    layout.logs.mkdir(exist_ok=True)
    supervisor = _spawn(layout, choices)
    try:
        _follow(supervisor, layout, on_progress)
    except BaseException:
        supervisor.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            supervisor.wait(timeout=STOP_TIMEOUT_S)
        supervisor.kill()
        raise


async def take_down(layout: Layout) -> bool:
    """End the network and what a killed one has left; whether there was one. All has ended on return.

    Raises:
        GolemError: it does not end.
    """
    was_up = await control.stop(layout, STOP_TIMEOUT_S)
    if layout.directory.exists():
        with only_one(layout):
            await asyncio.to_thread(remove_leftovers, layout)
    return was_up


def remove(layout: Layout) -> None:
    """Delete the data of a network that is down. Raises GolemError when it is up."""
    if not layout.directory.exists():
        return
    with only_one(layout):
        shutil.rmtree(layout.directory)


def _spawn(layout: Layout, choices: Choices) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "golemnet.local.supervisor", str(layout.directory)]
    with layout.log("supervisor").open("ab") as log:
        return subprocess.Popen(
            [*command, msgspec.json.encode(choices).decode()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )


def _follow(
    supervisor: subprocess.Popen[bytes], layout: Layout, on_progress: Callable[[Progress], None]
) -> None:
    assert supervisor.stdout is not None
    with supervisor.stdout as lines:
        for line in lines:
            progress = msgspec.json.decode(line, type=Progress)
            if failure := progress.failure:
                raise GolemError(failure.what, why=failure.why, next_step=failure.next_step)
            on_progress(progress)
            if progress.all_ready:
                return
    raise GolemError(
        "The local network has ended while it was started.", next_step=f"See {layout.log('supervisor')}"
    )
