"""JSON-RPC 2.0 over HTTP, as Ethereum nodes speak it."""

from __future__ import annotations

import itertools
from typing import Any

import aiohttp
import msgspec

from golemnet.chain.errors import ChainUnreachable, refusal

TIMEOUT_S = 20.0


class _Failure(msgspec.Struct):
    code: int = 0
    message: str = ""


class _Answer(msgspec.Struct):
    result: Any = None
    error: _Failure | None = None


_decoder = msgspec.json.Decoder(_Answer)


class JsonRpc:
    """A client of the node at ``url``. Connects at the first call; ``close()`` lets the connections go."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._session: aiohttp.ClientSession | None = None
        self._numbers = itertools.count(1)

    async def call(self, method: str, *params: Any, timeout_s: float = TIMEOUT_S) -> Any:
        """The result of ``method``.

        Raises:
            ChainUnreachable: no answer within ``timeout_s``, or one that is not JSON-RPC.
            RpcRefused: the node answered with an error.
        """
        request = {"jsonrpc": "2.0", "id": next(self._numbers), "method": method, "params": params}
        answer = self._decode(await self._post(msgspec.json.encode(request), timeout_s))
        if answer.error is not None:
            raise refusal(method, answer.error.code, answer.error.message)
        return answer.result

    async def close(self) -> None:
        """End the connections; a later call opens new ones."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _post(self, body: bytes, timeout_s: float) -> bytes:
        if self._session is None:
            self._session = aiohttp.ClientSession(headers={"Content-Type": "application/json"})
        timeout = aiohttp.ClientTimeout(total=timeout_s)
        try:
            async with self._session.post(self.url, data=body, timeout=timeout) as response:
                return await response.read()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise self._unreachable(str(error) or type(error).__name__) from error

    def _decode(self, body: bytes) -> _Answer:
        try:
            return _decoder.decode(body)
        except msgspec.DecodeError as error:
            raise self._unreachable(f"Its answer is not JSON-RPC: {error}.") from error

    def _unreachable(self, why: str) -> ChainUnreachable:
        return ChainUnreachable(
            f"The chain at {self.url} does not answer.",
            why=why,
            next_step="Start the chain or name another one in GOLEM_CHAIN_FILE.",
        )
