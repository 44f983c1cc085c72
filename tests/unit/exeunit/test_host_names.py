"""A name server that is slow, or says very much, holds up nobody but whoever asked it."""

from __future__ import annotations

import asyncio
import socket
import threading

import pytest

from golemnet.exeunit import host_names
from golemnet.exeunit.host_names import MAX_ADDRESSES, MAX_AT_ONCE, HostNames

TIMEOUT_S = 20.0


class Servers:
    """The system's resolver; it knows no end of addresses, and answers once it may."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.may = threading.Event()
        self.asked = threading.Semaphore(0)
        monkeypatch.setattr(host_names.socket, "getaddrinfo", self._getaddrinfo)

    def _getaddrinfo(self, host: str, port: int, **_options: object) -> list[tuple[object, ...]]:
        self.asked.release()
        self.may.wait(TIMEOUT_S)
        if host == "none.example":
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return [(0, 0, 0, "", (f"10.0.0.{number}", port)) for number in range(200)]


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> Servers:
    return Servers(monkeypatch)


async def test_the_first_addresses_are_told(servers: Servers) -> None:
    servers.may.set()
    found = await HostNames().resolve("huge.example", 80)
    assert found[0] == ("10.0.0.0", 80)
    assert len(found) == MAX_ADDRESSES
    with pytest.raises(OSError, match="unknown"):
        await HostNames().resolve("none.example", 80)


async def test_slow_names_take_bounded_threads_and_none_of_the_others(servers: Servers) -> None:
    names = HostNames()
    asking = [asyncio.create_task(names.resolve("slow.example", 80)) for _ in range(3 * MAX_AT_ONCE)]
    for _ in range(MAX_AT_ONCE):
        assert await asyncio.to_thread(servers.asked.acquire, timeout=TIMEOUT_S)
    for task in asking[:MAX_AT_ONCE]:
        task.cancel()
    # whoever asked has given up, but the threads are still taken
    await asyncio.wait(asking[:MAX_AT_ONCE])
    assert not servers.asked.acquire(blocking=False)
    servers.may.set()
    async with asyncio.timeout(TIMEOUT_S):
        assert len(await asyncio.gather(*asking[MAX_AT_ONCE:])) == 2 * MAX_AT_ONCE
