"""The ``Golem`` of 0.13.1, with ``map``, ``starmap``, ``submit`` and ``run`` beside what it had."""

from __future__ import annotations

import asyncio
import logging
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from golemnet.requestor.events import Event
from golemnet.requestor.published import golem as published
from golemnet.requestor.published.engine import Engine
from golemnet.requestor.published.payloads import VmConstraints, VmPackage
from golemnet.requestor.summary import describe
from golemnet.sdk.caller import Caller
from golemnet.sdk.calls import Call, Outcome
from golemnet.sdk.costs import CostReport
from golemnet.sdk.history import History
from golemnet.sdk.images import FoundImage
from golemnet.sdk.options import RunOptions
from golemnet.sdk.pool import Pool
from golemnet.sdk.pools import Pools

DEFAULT_IMAGE = "python"
MIN_MEM_GIB, MIN_CPU_THREADS = 0.25, 1
# A Golem has no end that could stand in demands. Those of calls live so long, and are replaced in time.
LIFETIME, RENEWAL = timedelta(hours=24), timedelta(hours=12)
NO_COSTS = CostReport(Decimal(0), [], [])

log = logging.getLogger("yapapi.golem")


class Golem(published.Golem, Caller):
    """As it was published, and ``map``, ``starmap``, ``submit`` and ``run`` as ``golemnet.Golem`` has them.

    What these buy is paid from the same budget, by the same strategy; events tell of it as of any job.
    With ``run``, a name, a run that was killed goes on: what these have done is not done again.
    """

    _pools: list[Pools] | None = None
    _renewed: datetime
    _history: History

    def _hear(self, event: Event) -> None:
        log.warning("%s", (describe(event) or (event,))[-1])

    def _start(self, pool: Pool, call: Call, options: RunOptions) -> asyncio.Future[Outcome]:
        return self._history.once(call, lambda: self._ask(pool, call, options))

    async def _pool(self, options: RunOptions, needs_python: bool) -> Pool:
        engine = await self._operating()
        pools = self._pools = self._pools or []
        if not pools or datetime.now(UTC) > self._renewed + RENEWAL:
            pools.append(self._new_pools(engine))
        image, workers = options.get("image", DEFAULT_IMAGE), options.get("workers", self._workers)
        return await pools[-1].get(image, workers, needs_python)

    def _new_pools(self, engine: Engine) -> Pools:
        self._renewed = datetime.now(UTC)
        until = self._renewed + LIFETIME

        async def demand(image: FoundImage):
            needs = VmConstraints(image.min_mem_gib, image.min_storage_gib, image.min_cpu_threads)
            payload = VmPackage(await image.resolve_url(), needs)
            return await engine.publish(await self._begin_job(engine, payload, until))

        needs = (MIN_MEM_GIB, MIN_CPU_THREADS)
        return Pools(engine.buyer, demand, needs, lambda call, outcome: None, self._hear, log.info)

    # -- beginning and end ---------------------------------------------------------------------------------

    async def _open(self, engine: Engine) -> None:
        history = self._history = History(self._run, None, lambda event: None, log.warning)
        engine.note = history.note
        history.open(engine.buyer)
        try:
            await super()._open(engine)
        except BaseException:
            self._close(engine, has_ended=False)
            raise
        history.reserved(engine.buyer.allocation_id)

    async def _stop(self, error: BaseException | None, wait_for_payments: bool) -> None:
        try:
            if error is None and sys.exc_info()[1] is None:
                await self._all_submitted()
        finally:
            await super()._stop(error, wait_for_payments)

    async def _end(self, engine: Engine, error: BaseException | None) -> None:
        # `stop()` may be called on the way out of what has failed
        has_ended = error is None and sys.exc_info()[1] is None
        pools, self._pools = self._pools or [], None
        try:
            await asyncio.gather(*(each.close() for each in pools))
            await super()._end(engine, error)
        finally:
            self._close(engine, has_ended=has_ended)

    def _close(self, engine: Engine, *, has_ended: bool) -> None:
        self._history.close(NO_COSTS, engine.buyer.budget.total, has_ended=has_ended)
