"""The ExeUnit as an object: its parts, how they run together, how it ends."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Final

from golemnet.clock import Clock
from golemnet.exeunit.batches import Batches
from golemnet.exeunit.environment import Environment
from golemnet.exeunit.journal import Journal
from golemnet.exeunit.link import Link
from golemnet.exeunit.states import State
from golemnet.exeunit.stillness import Stillness
from golemnet.exeunit.usage import Meter
from golemnet.rest.exeunit import ExecBatch, Hello, StateChanged, Usage
from golemnet.runtime.driver import Driver

USAGE_INTERVAL_S: Final = 1.0
FAREWELL_TIMEOUT_S: Final = 5.0
REMOVAL_TIMEOUT_S: Final = 60.0

log = logging.getLogger(__name__)


class ExeUnit:
    """Runs one activity.

    Args:
        activity_id: of the activity.
        url: address of the link at the provider's daemon.
        app_key: of the provider.
        environment: where commands act.
        driver: of the same environment; asked for usage.
        meter: counts from its creation.
        clock: dates everything that is told.
    """

    def __init__(
        self,
        activity_id: str,
        url: str,
        app_key: str,
        environment: Environment,
        driver: Driver,
        meter: Meter,
        clock: Clock,
    ) -> None:
        self._activity_id = activity_id
        self._environment = environment
        self._driver = driver
        self._meter = meter
        self._clock = clock
        self._journal = Journal()
        self._batches = Batches(environment, self._journal.put, self._tell_state, clock)
        self._link = Link(url, app_key, self._journal, self, time.monotonic)
        self._stillness = Stillness()
        self._stopping = asyncio.Event()
        self._reason = "The script ended the activity."

    def hello(self) -> Hello:
        """The first frame of a connection."""
        return Hello(self._activity_id, self._batches.state, self._batches.known)

    def submit(self, batch: ExecBatch) -> None:
        """Take a batch; one that is known is ignored."""
        self._batches.submit(batch)

    def suspend(self, is_on: bool) -> None:
        """Stop what runs, or let it go on."""
        if not is_on:
            self._stillness.end()
        elif not self._stopping.is_set():
            self._stillness.begin()
        log.info("activity_suspended activity_id=%s is_on=%s", self._activity_id, is_on)

    def stop(self, reason: str) -> None:
        """Kill what runs and end. ``run`` returns when everything is removed and told."""
        if not self._stopping.is_set():
            # what stands for a command here has to see its end
            self._stillness.end()
            self._reason = reason
            self._stopping.set()

    async def run(self) -> None:
        """Serve the activity until a script terminates it or ``stop`` is called.

        Whatever happens, the environment is removed; at most ``REMOVAL_TIMEOUT_S`` go to that and
        ``FAREWELL_TIMEOUT_S`` to telling the daemon the last results.
        """
        self._tell_state(State.INITIALIZED)
        link = asyncio.create_task(self._link.run(), name="link")
        try:
            await self._serve()
        finally:
            await self._remove()
            await self._say_farewell()
            link.cancel()
            await asyncio.wait({link}, timeout=FAREWELL_TIMEOUT_S)

    async def _serve(self) -> None:
        parts = {
            asyncio.create_task(self._batches.run(), name="batches"),
            asyncio.create_task(self._report_usage(), name="usage"),
            asyncio.create_task(self._stopping.wait(), name="stopping"),
        }
        try:
            done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            for part in done:
                part.result()
        finally:
            for part in parts:
                part.cancel()
            await asyncio.wait(parts, timeout=REMOVAL_TIMEOUT_S)

    async def _report_usage(self) -> None:
        while True:
            await self._measure()
            await self._clock.sleep(USAGE_INTERVAL_S)

    async def _measure(self) -> None:
        # what is still uses nothing more, and a machine that is still does not answer
        if not self._stillness.is_on:
            self._meter.update(await self._driver.usage())
        self._journal.put(Usage(self._meter.counters(), self._clock.now()))

    async def _remove(self) -> None:
        try:
            async with asyncio.timeout(REMOVAL_TIMEOUT_S):
                await self._environment.stop()
                await self._measure()
        except Exception as error:
            # the cage removes with the process what could not be removed in order
            log.exception("environment_not_removed", exc_info=error)

    async def _say_farewell(self) -> None:
        self._batches.state = State.TERMINATED
        self._journal.put(StateChanged(State.TERMINATED, self._reason))
        try:
            async with asyncio.timeout(FAREWELL_TIMEOUT_S):
                await self._journal.wait_until_sent()
        except TimeoutError:
            log.warning("daemon_not_told activity_id=%s", self._activity_id)

    def _tell_state(self, state: State) -> None:
        log.info("activity_state activity_id=%s state=%s", self._activity_id, state)
        if state is not State.TERMINATED:
            self._journal.put(StateChanged(state))
