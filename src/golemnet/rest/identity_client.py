"""Calls on who a daemon is: identity, version, application keys, network.

``/me`` and ``/version/get`` are those of published clients; the rest is for the owner of the daemon.
"""

from __future__ import annotations

from golemnet.rest.identity import (
    AppKey,
    Identity,
    IdentityEntry,
    NetStatus,
    NewAppKey,
    PeerEntry,
    PingEntry,
    SessionEntry,
    SpendingLimit,
    VersionResponse,
)
from golemnet.rest.transport import Transport, segment


class IdentityClient:
    """Identity, application keys and the node's place in the network."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def me(self) -> Identity:
        """Who the application key acts as."""
        return await self._transport.get("/me", Identity)

    async def version(self) -> VersionResponse:
        """The daemon's release."""
        return await self._transport.get("/version/get", VersionResponse)

    async def list_identities(self) -> list[IdentityEntry]:
        """Identities whose keys this daemon holds."""
        return await self._transport.get("/identities", list[IdentityEntry])

    async def create_app_key(self, body: NewAppKey) -> AppKey:
        """A new application key, or the existing one of that name."""
        return await self._transport.post("/app-keys", AppKey, body)

    async def list_app_keys(self) -> list[AppKey]:
        """All application keys."""
        return await self._transport.get("/app-keys", list[AppKey])

    async def limit_app_key(self, name: str, body: SpendingLimit) -> None:
        """Change what the key may spend. Raises NotFound."""
        await self._transport.call("PUT", f"/app-keys/{segment(name)}/limit", body)

    async def drop_app_key(self, name: str) -> None:
        """Remove an application key. Raises NotFound."""
        await self._transport.call("DELETE", f"/app-keys/{segment(name)}")

    async def net_status(self) -> NetStatus:
        """This node on the network."""
        return await self._transport.get("/net-api/v2/node", NetStatus)

    async def net_peers(self) -> list[PeerEntry]:
        """Nodes that this one has a session with."""
        return await self._transport.get("/net-api/v2/peers", list[PeerEntry])

    async def net_sessions(self) -> list[SessionEntry]:
        """The sessions with them, and what has gone over each."""
        return await self._transport.get("/net-api/v2/sessions", list[SessionEntry])

    async def net_ping(self, node_id: str | None = None) -> list[PingEntry]:
        """Round trips to ``node_id``, or to every node that there is a session with."""
        return await self._transport.get("/net-api/v2/ping", list[PingEntry], {"nodeId": node_id})
