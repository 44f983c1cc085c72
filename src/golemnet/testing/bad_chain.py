"""A chain that misbehaves: it stands between a node and a real chain, and speaks JSON-RPC to both."""

from __future__ import annotations

import asyncio
from typing import Any, Self

import aiohttp
import msgspec
from aiohttp import web

from golemnet.model.keys import keccak256
from golemnet.testing.faults import Killed, Life

SEND = "eth_sendRawTransaction"


class BadChain:
    """A proxy of the chain at ``url``, within an ``async with``; its own address is ``self.url``.

    Attributes:
        life: of the node that asks; killed before a call it has not asked, killed after it has no answer.
        is_down: no call is answered.
        goes_down_at: the method that the chain answers last before it is down; ``went_down`` is set then.
        delay_s: each answer comes as late as this.
        twice: each call reaches the chain twice; the second answer is the one that is given.
        drops: how many transactions are still to be lost, although their hash is answered.
        calls: the methods that were asked for, in order.
    """

    url: str

    def __init__(self, url: str, life: Life | None = None) -> None:
        self.life = life or Life()
        self.is_down = False
        self.goes_down_at = ""
        self.went_down = asyncio.Event()
        self.delay_s = 0.0
        self.twice = False
        self.drops = 0
        self.calls: list[str] = []
        self._upstream = url

    async def __aenter__(self) -> Self:
        application = web.Application(client_max_size=2**24)
        application.router.add_post("/", self._answer)
        self._session = aiohttp.ClientSession(headers={"Content-Type": "application/json"})
        self._runner = web.AppRunner(application, shutdown_timeout=0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()
        await self._session.close()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        call = msgspec.json.decode(body)
        try:
            if self.is_down:
                raise Killed("The chain is down.")
            self.life.passing(f"before {call['method']}")
            answer = await self._ask(call, body)
            self.life.passing(f"after {call['method']}")
        except Killed:
            return _hang_up(request)
        return web.Response(body=answer, content_type="application/json")

    async def _ask(self, call: dict[str, Any], body: bytes) -> bytes:
        self.calls.append(call["method"])
        if call["method"] == self.goes_down_at and not self.went_down.is_set():
            self.is_down = True
            self.went_down.set()
        if call["method"] == SEND and self.drops:
            self.drops -= 1
            hash_ = "0x" + keccak256(bytes.fromhex(call["params"][0][2:])).hex()
            return msgspec.json.encode({"jsonrpc": "2.0", "id": call["id"], "result": hash_})
        if self.twice:
            await self._forward(body)
        answer = await self._forward(body)
        await asyncio.sleep(self.delay_s)
        return answer

    async def _forward(self, body: bytes) -> bytes:
        async with self._session.post(self._upstream, data=body) as response:
            return await response.read()


def _hang_up(request: web.Request) -> web.StreamResponse:
    """An answer that nobody gets."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=503)
