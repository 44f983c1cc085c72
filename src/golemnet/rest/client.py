"""A program's door to a daemon: ``client.market``, ``client.activity``, ``client.payment`` and the rest."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType

import aiohttp

from golemnet.errors import GolemError
from golemnet.model.local_shell import KEY_HINT
from golemnet.rest.activity_client import ActivityClient
from golemnet.rest.deposits_client import DepositsClient
from golemnet.rest.gsb_client import GsbClient
from golemnet.rest.identity_client import IdentityClient
from golemnet.rest.market_client import MarketClient
from golemnet.rest.payment_client import PaymentClient
from golemnet.rest.transport import Transport
from golemnet.rest.vpn_client import VpnClient

DEFAULT_API_URL = "http://127.0.0.1:7465"


class Client:
    """An asynchronous context manager; one connection pool for all resources.

    Args:
        api_url: where the daemon listens.
        app_key: the bearer key; None on a unix socket, whose file mode is the permission.
        socket: path of the daemon's unix socket, instead of TCP.
    """

    def __init__(self, api_url: str, app_key: str | None, *, socket: Path | None = None) -> None:
        self._headers = {} if app_key is None else {"Authorization": f"Bearer {app_key}"}
        self._socket = socket
        self._api_url = api_url
        self._session: aiohttp.ClientSession | None = None

    @classmethod
    def from_environment(cls) -> Client:
        """The daemon of ``YAGNA_API_URL`` under ``YAGNA_APPKEY``.

        Raises:
            GolemError: there is no key in the environment.
        """
        key = os.environ.get("YAGNA_APPKEY")
        if not key:
            raise GolemError(
                "YAGNA_APPKEY is not set.",
                why="The daemon answers only programs that show an application key.",
                next_step=KEY_HINT,
            )
        return cls(os.environ.get("YAGNA_API_URL") or DEFAULT_API_URL, key)

    @classmethod
    def local(cls, socket: Path) -> Client:
        """The daemon that listens on the unix socket at ``socket``."""
        return cls("http://localhost", None, socket=socket)

    async def __aenter__(self) -> Client:
        connector = (
            aiohttp.TCPConnector(limit=0, keepalive_timeout=60)
            if self._socket is None
            else aiohttp.UnixConnector(str(self._socket), limit=0, keepalive_timeout=60)
        )
        self._session = aiohttp.ClientSession(connector=connector, headers=self._headers)
        transport = Transport(self._session, self._api_url, str(self._socket or self._api_url))
        self.silence = transport.silence
        self.market = MarketClient(transport)
        self.activity = ActivityClient(transport)
        self.payment = PaymentClient(transport)
        self.deposits = DepositsClient(transport)
        self.identity = IdentityClient(transport)
        self.gsb = GsbClient(transport)
        self.vpn = VpnClient(transport)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
