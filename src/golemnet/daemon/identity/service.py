"""Who this node is, and which programs may act in its name."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from decimal import Decimal

from golemnet.clock import Clock
from golemnet.daemon.identity import store
from golemnet.daemon.identity.store import StoredAppKey
from golemnet.database.database import Database
from golemnet.model.money import parse_amount
from golemnet.model.node_id import NodeId
from golemnet.rest.errors import BadRequest, Conflict, NotFound
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

    async def create_app_key(self, name: str, limit: Decimal | None = None) -> AppKey:
        """A key called ``name``: a new one, or the one that has the name already.

        Raises:
            BadRequest: the name or the limit is none, or there are too many keys.
            Conflict: the key of that name has another spending limit than the one that is asked for.
        """
        _check_name(name)
        if len(self._known) >= MAX_KEYS:
            raise BadRequest(f"There are {MAX_KEYS} application keys.", next_step="Drop some first.")
        new = self._key(name, secrets.token_hex(16), _amount(limit))
        stored = await self._database.write(lambda connection: store.add_app_key(connection, new))
        self._known[_hash(stored.key)] = stored
        if new.spending_limit not in (None, stored.spending_limit):
            raise _other_limit(stored)
        return shown(stored)

    async def limit_app_key(self, name: str, limit: Decimal | None) -> None:
        """Let a key spend ``limit`` GLM in all, or any amount for None. Raises ``NotFound``."""
        amount = _amount(limit)
        if not await self._database.write(lambda connection: store.set_limit(connection, name, amount)):
            raise _no_key(name)
        await self._reload()

    async def app_keys(self) -> list[StoredAppKey]:
        """All keys, oldest first."""
        return await self._database.read(store.app_keys)

    async def drop_app_key(self, name: str) -> None:
        """Make a key useless from now on. Raises ``NotFound``."""
        if not await self._database.write(lambda connection: store.drop_app_key(connection, name)):
            raise _no_key(name)
        await self._reload()

    def _key(self, name: str, secret: str, limit: Decimal | None = None) -> StoredAppKey:
        return StoredAppKey(name, secret, self.node_id, self._clock.now(), limit)

    async def _reload(self) -> None:
        stored = await self._database.read(store.app_keys)
        self._known = {_hash(each.key): each for each in stored}


def shown(stored: StoredAppKey, committed: Decimal | None = None) -> AppKey:
    """A key as the owner sees it; ``committed`` is what its allocations hold and have spent."""
    return AppKey(
        name=stored.name,
        key=stored.key,
        id=stored.node_id,
        role=ROLE,
        created=stored.created,
        spending_limit=stored.spending_limit,
        committed=committed,
    )


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


def _no_key(name: str) -> NotFound:
    return NotFound(f"There is no application key {name!r}.", next_step="See them all: yagna app-key list")


def _other_limit(key: StoredAppKey) -> Conflict:
    has = "no spending limit" if key.spending_limit is None else f"a limit of {key.spending_limit:f} GLM"
    return Conflict(
        f"The application key {key.name!r} exists and has {has}.",
        next_step=f"Change it: yagna app-key limit {key.name} GLM",
    )


def _amount(limit: Decimal | None) -> Decimal | None:
    try:
        return None if limit is None else parse_amount(limit)
    except ValueError as error:
        raise BadRequest(f"The spending limit is no amount: {error}.") from error


def _check_name(name: str) -> None:
    if not 0 < len(name) <= MAX_NAME or not name.isprintable():
        raise BadRequest(f"A name has 1 to {MAX_NAME} printable characters.")
