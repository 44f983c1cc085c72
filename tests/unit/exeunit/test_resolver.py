"""A name server at a real socket: it answers, rests, and ends."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Iterator
from ipaddress import IPv4Address

import pytest

from golemnet.exeunit import resolver
from golemnet.exeunit.resolver import AT_ONCE, Resolver

QUESTION = struct.pack("!HHHHHH", 9, 256, 1, 0, 0, 0) + b"\1a\7example\0" + struct.pack("!HH", 1, 1)
TIMEOUT_S = 20.0


@pytest.fixture
def sockets() -> Iterator[tuple[socket.socket, socket.socket]]:
    """The server's, and one that is connected to it."""
    with socket.socket(type=socket.SOCK_DGRAM) as receiving, socket.socket(type=socket.SOCK_DGRAM) as asking:
        receiving.bind(("127.0.0.1", 0))
        asking.connect(receiving.getsockname())
        receiving.setblocking(False)
        asking.setblocking(False)
        yield receiving, asking


async def answers(asking: socket.socket, count: int) -> list[bytes]:
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(TIMEOUT_S):
        return [await loop.sock_recv(asking, 512) for _ in range(count)]


async def test_many_questions_are_answered_a_few_at_a_time(sockets, monkeypatch):
    receiving, asking = sockets
    for _ in range(2 * AT_ONCE):
        asking.send(QUESTION)
    monkeypatch.setattr(resolver, "PAUSE_S", 1000.0)
    monkeypatch.setattr(resolver, "A_SECOND", 0.001)
    answering = Resolver(receiving, lambda _name: IPv4Address("198.18.0.2"))
    assert all(each.endswith(b"\xc6\x12\0\2") for each in await answers(asking, AT_ONCE))
    with pytest.raises(BlockingIOError):
        asking.recv(512)
    answering.close()
    answering.close()


async def test_questions_one_by_one_are_not_answered_without_end_either(sockets, monkeypatch):
    receiving, asking = sockets
    monkeypatch.setattr(resolver, "PAUSE_S", 1000.0)
    monkeypatch.setattr(resolver, "A_SECOND", 0.001)
    answering = Resolver(receiving, lambda _name: None)
    for _ in range(AT_ONCE):
        asking.send(QUESTION)
        await answers(asking, 1)
    asking.send(QUESTION)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(answers(asking, 1), 0.2)
    answering.close()


async def test_it_goes_on_after_a_rest(sockets, monkeypatch):
    receiving, asking = sockets
    for _ in range(2 * AT_ONCE):
        asking.send(QUESTION)
    monkeypatch.setattr(resolver, "PAUSE_S", 0.01)
    answering = Resolver(receiving, lambda _name: None)
    assert len(await answers(asking, 2 * AT_ONCE)) == 2 * AT_ONCE
    answering.close()
