"""Random requests to daemons that know documents of every kind; and they are as healthy as before.

Two thousand by default, always the same; ``GOLEM_TEST_REQUESTS`` is another number, ``GOLEM_TEST_SEED`` makes
others.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Iterable

import aiohttp
import pytest
from lived_in import REFUSED, LivedIn, Writes
from openapi_contract import Answer, Contract, check_error
from random_requests import RandomRequest, RandomRequests
from schemathesis.core.failures import Failure
from yarl import URL

from golemnet.rest.wire import encode
from golemnet.testing.nodes import APP_KEY
from golemnet.testing.processes import DaemonProcess

REQUESTS = int(os.environ.get("GOLEM_TEST_REQUESTS", "2000"))
SEED = int(os.environ.get("GOLEM_TEST_SEED", "20"))
# Caches fill up first; what comes later has to be flat.
WARM_UP = REQUESTS // 2
GROWTH_MB = 8.0
LIMIT = aiohttp.ClientTimeout(total=20)
HEADERS = {"Authorization": f"Bearer {APP_KEY}", "Content-Type": "application/json"}
# A refused request may coincide with something that the daemon writes by itself.
TRIES = 3
SHOWN = 10


@pytest.mark.chain
@pytest.mark.timeout(60 + REQUESTS // 20)
def test_daemons_survive_random_requests(lived_in: LivedIn, contract: Contract):
    requests = RandomRequests(contract, lived_in.known, SEED)
    for daemon in (lived_in.requestor, lived_in.provider):
        traffic = Traffic(daemon, contract)
        asyncio.run(traffic.send_all(requests.make() for _ in range(WARM_UP // 2)))
        before = daemon.memory_mb()
        asyncio.run(traffic.send_all(requests.make() for _ in range(REQUESTS // 2 - WARM_UP // 2)))
        shown = "\n".join(traffic.faults[:SHOWN])
        assert not traffic.faults, f"{len(traffic.faults)} faults, for example:\n{shown}"
        assert min(traffic.statuses[200], traffic.statuses[400], traffic.statuses[404]) > REQUESTS // 50
        assert "Traceback" not in daemon.log
        assert daemon.memory_mb() - before < GROWTH_MB


class Traffic:
    """Sends requests to a daemon; keeps what was wrong with the answers, and counts them."""

    def __init__(self, daemon: DaemonProcess, contract: Contract) -> None:
        self._daemon = daemon
        self._contract = contract
        self.faults: list[str] = []
        self.statuses: Counter[int] = Counter()

    async def send_all(self, requests: Iterable[RandomRequest]) -> None:
        """Send one after the other."""
        self._writes = Writes(self._daemon)
        async with aiohttp.ClientSession(headers=HEADERS, timeout=LIMIT) as session:
            for request in requests:
                try:
                    await self._send(session, request)
                except (AssertionError, Failure, aiohttp.ClientError, TimeoutError) as error:
                    self.faults.append(f"{request!s:.600}: {error!r:.600}")

    async def _send(self, session: aiohttp.ClientSession, request: RandomRequest) -> None:
        for _ in range(TRIES):
            before = self._writes.count()
            answer = await self._answer(session, request)
            self.statuses[answer.status] += 1
            if answer.status < 400:
                self._contract.check(request.operation, answer)
                return
            check_error(answer)
            if answer.status not in REFUSED or self._writes.count() == before:
                return
        raise AssertionError(f"it is refused, and yet the daemon writes: {answer}")

    async def _answer(self, session: aiohttp.ClientSession, request: RandomRequest) -> Answer:
        url = URL(self._daemon.api_url + request.path, encoded=True).update_query(request.query)
        body = None if request.body is None else encode(request.body)
        async with session.request(request.method, url, data=body) as response:
            return Answer(response.status, dict(response.headers), await response.read())
