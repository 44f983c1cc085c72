"""Calls of the deposits' API. Amounts are in GLM."""

from __future__ import annotations

import msgspec

from golemnet.rest.deposits import PREFIX, DepositExtension, FundedDeposit, NewDeposit
from golemnet.rest.transport import Transport, segment

CHAIN_TIMEOUT_S = 180.0


class DepositsClient:
    """Deposits that this node has made for others, or others for it."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def create(self, body: NewDeposit) -> FundedDeposit:
        """Make a deposit, or find the one of these terms that was made before."""
        return await self._transport.post(PREFIX, FundedDeposit, body, timeout_s=CHAIN_TIMEOUT_S)

    async def all(self) -> list[FundedDeposit]:
        """All that this node has a part in, the oldest first."""
        return await self._transport.get(PREFIX, list[FundedDeposit])

    async def get(self, deposit_id: str) -> FundedDeposit:
        """A deposit as the chain has it now."""
        return await self._transport.get(_one(deposit_id), FundedDeposit)

    async def extend(self, deposit_id: str, body: DepositExtension) -> FundedDeposit:
        """Fill it up, or let it last longer; by its funder."""
        return await self._act(deposit_id, "extend", body)

    async def close(self, deposit_id: str) -> FundedDeposit:
        """Give back what is left; by its spender."""
        return await self._act(deposit_id, "close")

    async def terminate(self, deposit_id: str) -> FundedDeposit:
        """Take back what is left when its validity is over; by its funder."""
        return await self._act(deposit_id, "terminate")

    async def _act(self, deposit_id: str, action: str, body: object = msgspec.UNSET) -> FundedDeposit:
        path = f"{_one(deposit_id)}/{action}"
        return await self._transport.post(path, FundedDeposit, body, timeout_s=CHAIN_TIMEOUT_S)


def _one(deposit_id: str) -> str:
    return f"{PREFIX}/{segment(deposit_id)}"
