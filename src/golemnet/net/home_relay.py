"""The relay by which this node can be reached: one at a time, the next one when it does not answer any more.

The transport alone would stay with a dead relay for minutes, so the choice is made here.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable
from contextlib import suppress
from urllib.parse import urlsplit

import structlog
from iroh import Endpoint, HomeRelayCallback, RelayConfig

from golemnet.net.iroh_binding import BINDING_ERRORS, reason_of
from golemnet.net.records import check_relay_url

MAX_RELAYS = 8
PROBE_EVERY_S = 5.0
PROBE_TIMEOUT_S = 2.0
SECOND_LOOK_S = 0.5
RETRY_S = 5.0
PORTS = {"http": 80, "https": 443}

log = structlog.get_logger(__name__)


class HomeRelay:
    """Keeps the endpoint at a relay that answers.

    Args:
        urls: relays that the user names, the preferred one first.
    """

    def __init__(self, urls: Iterable[str]) -> None:
        self.current = ""
        self._urls: list[str] = []
        self._news = asyncio.Event()
        self.offer(urls)

    @property
    def known(self) -> list[str]:
        """All that are known."""
        return list(self._urls)

    def offer(self, urls: Iterable[str]) -> None:
        """Further relays that may be used; what is no URL of a relay is left out."""
        for url in urls:
            with suppress(ValueError):
                check_relay_url(url)
                if url not in self._urls and len(self._urls) < MAX_RELAYS:
                    self._urls.append(url)
                    self._news.set()

    async def run(self, endpoint: Endpoint) -> None:
        """Choose, and choose again, until cancelled."""
        stirred = asyncio.Event()
        watch = endpoint.watch_home_relay(_Stirs(stirred))
        try:
            while True:
                await self._stay_at(await self._one_that_answers(), endpoint, stirred)
        finally:
            self.current = ""
            await watch.stop()

    async def _stay_at(self, url: str, endpoint: Endpoint, stirred: asyncio.Event) -> None:
        try:
            await endpoint.insert_relay(RelayConfig(url=url))
        except BINDING_ERRORS as error:
            log.info("relay not taken", url=url, why=reason_of(error))
            self._urls.remove(url)
            return
        self.current = url
        log.info("relay chosen", url=url)
        await self._while_it_answers(url, stirred)
        log.info("relay lost", url=url)
        self._give_up(url)
        await endpoint.remove_relay(url)

    async def _one_that_answers(self) -> str:
        while True:
            self._news.clear()
            for url in self.known:
                if await answers(url):
                    return url
            with suppress(TimeoutError):
                async with asyncio.timeout(RETRY_S * random.uniform(0.8, 1.2) if self._urls else None):
                    await self._news.wait()

    async def _while_it_answers(self, url: str, stirred: asyncio.Event) -> None:
        while await answers(url) or await self._answers_again(url):
            stirred.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(PROBE_EVERY_S * random.uniform(0.8, 1.2)):
                    await stirred.wait()

    async def _answers_again(self, url: str) -> bool:
        await asyncio.sleep(SECOND_LOOK_S)
        return await answers(url)

    def _give_up(self, url: str) -> None:
        self.current = ""
        self._urls.remove(url)
        self._urls.append(url)


async def answers(url: str) -> bool:
    """Whether something listens where the relay should be."""
    parts = urlsplit(url)
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_S):
            _, writer = await asyncio.open_connection(parts.hostname, parts.port or PORTS[parts.scheme])
    except (OSError, TimeoutError, ValueError):
        # ValueError: the name is none that can be looked up.
        return False
    writer.close()
    return True


class _Stirs(HomeRelayCallback):
    """Sets an event whenever the transport's connection to its relay comes or goes."""

    def __init__(self, stirred: asyncio.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._stirred = stirred

    async def on_change(self, relay_urls: list[str]) -> None:
        """See the base class; may come on any thread."""
        self._loop.call_soon_threadsafe(self._stirred.set)
