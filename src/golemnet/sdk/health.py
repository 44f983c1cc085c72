"""Whether an instance of a service is well: asked again and again, by HTTP or by a TCP connection."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

import aiohttp

ANSWER_S = 5.0
FIRST_BAD_STATUS = 400


class Asked(Protocol):
    """What a check sees of an instance."""

    @property
    def url(self) -> str:
        """Where it answers HTTP, at a port of this machine."""
        ...

    async def connect(self) -> None:
        """Connect to its port, and hang up. Raises an exception if nobody listens there."""
        ...


Check = Callable[[Asked], Awaitable[bool]]


def http(path: str = "/") -> Check:
    """Well is who answers a GET of ``path`` within five seconds, by a status below 400."""

    async def check(instance: Asked) -> bool:
        limit = aiohttp.ClientTimeout(total=ANSWER_S)
        async with (
            aiohttp.ClientSession(timeout=limit) as session,
            session.get(f"{instance.url}{path}", allow_redirects=False) as answer,
        ):
            return answer.status < FIRST_BAD_STATUS

    return check


def tcp() -> Check:
    """Well is who takes connections; the default for a service that has a port."""

    async def check(instance: Asked) -> bool:
        async with asyncio.timeout(ANSWER_S):
            await instance.connect()
        return True

    return check


async def is_well(check: Check, instance: Asked) -> bool:
    """What the check says; one that fails says no."""
    try:
        return await check(instance)
    except Exception:
        return False
