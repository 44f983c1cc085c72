"""The endpoints of one chain: the first that answers is asked until it does not answer any more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import structlog

from golemnet.chain.errors import ChainError, ChainUnreachable, WrongChain
from golemnet.chain.rpc import JsonRpc

log = structlog.get_logger(__name__)


class Endpoints:
    """JSON-RPC to whichever of ``urls`` answers; each is believed only after it has named ``chain_id``."""

    def __init__(self, urls: Sequence[str], chain_id: int) -> None:
        self._chain_id = chain_id
        self._clients = [JsonRpc(url) for url in urls]
        self._checked: set[JsonRpc] = set()

    async def call(self, method: str, *params: Any) -> Any:
        """The result of ``method``; every endpoint is tried once, beginning with the last that worked.

        Raises:
            ChainUnreachable: none answers.
            WrongChain: those that answer serve another chain.
            RpcRefused: one has answered with an error.
        """
        failure: ChainError | None = None
        for client in list(self._clients):
            try:
                await self._check(client)
                return await client.call(method, *params)
            except (ChainUnreachable, WrongChain) as error:
                failure = self._worse(failure, error)
                self._put_last(client)
        assert failure is not None
        raise failure

    async def close(self) -> None:
        """Let the connections go."""
        for client in self._clients:
            await client.close()

    async def _check(self, client: JsonRpc) -> None:
        if client in self._checked:
            return
        found = int(await client.call("eth_chainId"), 16)
        if found != self._chain_id:
            raise WrongChain(
                f"The chain at {client.url} is number {found}, not {self._chain_id}.",
                next_step="Correct rpc_url or chain_id in the chain file.",
            )
        self._checked.add(client)

    def _put_last(self, client: JsonRpc) -> None:
        # It may have come back as another chain, so it is checked again.
        self._checked.discard(client)
        if client is self._clients[0] and len(self._clients) > 1:
            self._clients = [*self._clients[1:], client]
            log.warning("endpoint does not serve", url=client.url, next=self._clients[0].url)

    @staticmethod
    def _worse(before: ChainError | None, now: ChainError) -> ChainError:
        """A wrong chain needs somebody's attention; one that does not answer may come back."""
        return before if isinstance(before, WrongChain) else now
