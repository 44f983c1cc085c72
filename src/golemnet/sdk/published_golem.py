"""The ``Golem`` of 0.13.1, with ``map``, ``starmap``, ``submit`` and ``run`` beside what it had."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta

from golemnet.requestor.events import Event
from golemnet.requestor.published import golem as published
from golemnet.requestor.published.engine import Engine
from golemnet.requestor.published.payloads import VmConstraints, VmPackage
from golemnet.requestor.summary import describe
from golemnet.sdk.caller import Caller
from golemnet.sdk.images import FoundImage
from golemnet.sdk.options import RunOptions
from golemnet.sdk.pool import Pool
from golemnet.sdk.pools import Pools

DEFAULT_IMAGE = "python"
MIN_MEM_GIB, MIN_CPU_THREADS = 0.25, 1
# A Golem has no end that could stand in demands. Those of calls live so long, and are replaced in time.
LIFETIME, RENEWAL = timedelta(hours=24), timedelta(hours=12)

log = logging.getLogger("yapapi.golem")


class Golem(published.Golem, Caller):
    """As it was published, and ``map``, ``starmap``, ``submit`` and ``run`` as ``golemnet.Golem`` has them.

    What these buy is paid from the same budget, by the same strategy; events tell of it as of any job.
    """

    _pools: list[Pools] | None = None
    _renewed: datetime

    def _hear(self, event: Event) -> None:
        log.warning("%s", (describe(event) or (event,))[-1])

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

    async def _end(self, engine: Engine, error: BaseException | None) -> None:
        pools, self._pools = self._pools or [], None
        await asyncio.gather(*(each.close() for each in pools))
        await super()._end(engine, error)
