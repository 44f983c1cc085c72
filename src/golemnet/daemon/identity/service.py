"""Who this node is, and which programs may act in its name."""

from __future__ import annotations

import asyncio
import hashlib
import secrets

from golemnet.clock import Clock
from golemnet.daemon.identity import store
from golemnet.daemon.identity.store import StoredAppKey
from golemnet.database.database import Database
from golemnet.model.node_id import NodeId
from golemnet.rest.errors import BadRequest, NotFound
from golemnet.rest.identity import AppKey, Identity, IdentityEntry

AUTOCONFIGURED = "autoconfigured"
MAX_NAME = 100
MAX_KEYS = 1000
ROLE = "manager"


class Identities:
    """The node's identity and its application keys.

    The keys are held in memory as well, by their hash: each REST request asks for one, and a lookup by
    hash tells nothing by the time that it takes.
    """

    def __init__(
        self, node_id: NodeId, database: Database, clock: Clock, *, app_key: str | None = None
    ) -> None:
        self.node_id = node_id
        self._database = database
        self._clock = clock
        self._configured = app_key
        self._known: dict[bytes, StoredAppKey] = {}

    async def run(self, ready: asyncio.Event) -> None:
        """Load the keys, store the configured one, then stay until cancelled."""
        if self._configured:
            configured = self._key(AUTOCONFIGURED, self._configured)
            await self._database.write(lambda connection: store.replace_app_key(connection, configured))
        await self._reload()
        ready.set()
        await asyncio.Event().wait()

    def authenticate(self, key: str) -> StoredAppKey | None:
        """The application key whose secret is ``key``; None if there is no such."""
        return self._known.get(_hash(key))

    def me(self, key_name: str) -> Identity:
        """What ``GET /me`` tells a program that uses the key called ``key_name``."""
        return Identity(identity=self.node_id, name=key_name, role=ROLE)

    async def identities(self) -> list[IdentityEntry]:
        """The identities of this node: one."""
        alias = await self._database.read(lambda connection: store.alias_of(connection, self.node_id))
        return [IdentityEntry(node_id=self.node_id, alias=alias, is_default=True, is_locked=False)]

    async def set_alias(self, alias: str | None) -> None:
        """Give the identity a name of its owner's choice."""
        if alias is not None:
            _check_name(alias)
        await self._database.write(lambda connection: store.set_alias(connection, self.node_id, alias))

    async def create_app_key(self, name: str) -> AppKey:
        """A key called ``name``: a new one, or the one that has the name already."""
        _check_name(name)
        if len(self._known) >= MAX_KEYS:
            raise BadRequest(f"There are {MAX_KEYS} application keys.", next_step="Drop some first.")
        new = self._key(name, secrets.token_hex(16))
        stored = await self._database.write(lambda connection: store.add_app_key(connection, new))
        self._known[_hash(stored.key)] = stored
        return _shown(stored)

    async def app_keys(self) -> list[AppKey]:
        """All keys, oldest first."""
        return [_shown(each) for each in await self._database.read(store.app_keys)]

    async def drop_app_key(self, name: str) -> None:
        """Make a key useless from now on. Raises ``NotFound``."""
        if not await self._database.write(lambda connection: store.drop_app_key(connection, name)):
            raise NotFound(
                f"There is no application key {name!r}.", next_step="See them all: yagna app-key list"
            )
        await self._reload()

    def _key(self, name: str, secret: str) -> StoredAppKey:
        return StoredAppKey(name, secret, self.node_id, self._clock.now())

    async def _reload(self) -> None:
        stored = await self._database.read(store.app_keys)
        self._known = {_hash(each.key): each for each in stored}


def _shown(stored: StoredAppKey) -> AppKey:
    return AppKey(name=stored.name, key=stored.key, id=stored.node_id, role=ROLE, created=stored.created)


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


def _check_name(name: str) -> None:
    if not 0 < len(name) <= MAX_NAME or not name.isprintable():
        raise BadRequest(f"A name has 1 to {MAX_NAME} printable characters.")
