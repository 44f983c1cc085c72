"""The doors of a node: bearer keys on TCP, the owner's socket, and what each may do."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path

import aiohttp
import pytest

from golemnet.daemon.node import Node
from golemnet.daemon.server import ServerError
from golemnet.daemon.settings import Settings
from golemnet.net.memory import MemoryNetwork
from golemnet.rest.client import Client
from golemnet.rest.errors import NotFound
from golemnet.rest.identity import NewAppKey
from golemnet.testing.nodes import running

MISSING = '{"message":"Missing application key"}'
INVALID = '{"message":"Invalid application key"}'


def new_node(data_dir: Path, **settings) -> Node:
    wanted = Settings(data_dir=data_dir, api_url="http://127.0.0.1:0", **settings)
    return Node(wanted, network=MemoryNetwork(1).node)


@pytest.fixture
async def node(tmp_path: Path):
    async with running(new_node(tmp_path / "n")) as node:
        yield node


async def fetch(node: Node, path: str, key: str | None = None, **more) -> tuple[int, str]:
    headers = more.pop("headers", {}) | ({"Authorization": f"Bearer {key}"} if key else {})
    async with (
        aiohttp.ClientSession() as session,
        session.request(more.pop("method", "GET"), node.api_url + path, headers=headers, **more) as answer,
    ):
        return answer.status, await answer.text()


async def test_the_owner_makes_a_key_and_a_program_uses_it(node: Node):
    async with Client.local(node.settings.socket_path) as owner:
        made = await owner.identity.create_app_key(NewAppKey(name="requestor"))
        again = await owner.identity.create_app_key(NewAppKey(name="requestor"))
    assert made == again
    assert len(bytes.fromhex(made.key)) == 16
    async with Client(node.api_url, made.key) as program:
        me = await program.identity.me()
    assert (me.identity, me.name, me.role) == (node.key.node_id, "requestor", "manager")


async def test_a_dropped_key_is_useless_at_once(node: Node):
    async with Client.local(node.settings.socket_path) as owner:
        made = await owner.identity.create_app_key(NewAppKey(name="short-lived"))
        assert (await fetch(node, "/me", made.key))[0] == 200
        await owner.identity.drop_app_key("short-lived")
        assert await fetch(node, "/me", made.key) == (401, INVALID)
        with pytest.raises(NotFound, match="short-lived"):
            await owner.identity.drop_app_key("short-lived")


async def test_no_key_no_answer_but_the_version(node: Node):
    assert await fetch(node, "/me") == (401, MISSING)
    assert await fetch(node, "/me", "0" * 32) == (401, INVALID)
    status, body = await fetch(node, "/version/get")
    assert status == 200
    assert '"version":"0.17.6"' in body


async def test_a_program_cannot_do_what_is_the_owners(tmp_path: Path):
    async with running(new_node(tmp_path, app_key="configured")) as node:
        assert (await fetch(node, "/me", "configured"))[0] == 200
        assert (await fetch(node, "/me?authToken=configured"))[0] == 200
        status, body = await fetch(node, "/app-keys", "configured")
    assert status == 403
    assert "owner" in body


async def test_errors_have_a_message_in_json(tmp_path: Path):
    async with running(new_node(tmp_path, app_key="k")) as node:
        assert await fetch(node, "/nowhere", "k") == (404, '{"message":"Not Found"}')
        path = "/activity-api/v1/activity"
        status, body = await fetch(node, path, "k", method="POST", data="{")
        assert status == 400
        assert body.startswith('{"message":')
        assert (await fetch(node, f"{path}/unknown/state", "k"))[0] == 404
        assert (await fetch(node, f"{path}/unknown/state?timeout=nan", "k"))[0] == 400


async def test_web_pages_of_allowed_origins_only(tmp_path: Path):
    async with running(new_node(tmp_path, allow_origins=("http://page",))) as node:
        asked = {"Origin": "http://page", "Access-Control-Request-Method": "GET"}
        assert (await fetch(node, "/me", method="OPTIONS", headers=asked))[0] == 200
        other = asked | {"Origin": "http://other"}
        assert (await fetch(node, "/me", method="OPTIONS", headers=other))[0] == 401


async def test_the_socket_is_the_owners(node: Node):
    assert stat.S_IMODE(node.settings.socket_path.stat().st_mode) == 0o600


async def test_keys_and_identity_survive_a_restart(tmp_path: Path):
    async with running(new_node(tmp_path)) as first, Client.local(first.settings.socket_path) as owner:
        made = await owner.identity.create_app_key(NewAppKey(name="a"))
    async with running(new_node(tmp_path)) as second:
        assert second.key.node_id == first.key.node_id
        assert (await fetch(second, "/me", made.key))[0] == 200


async def test_a_port_that_is_taken_is_a_clear_error(node: Node, tmp_path: Path):
    settings = Settings(data_dir=tmp_path / "other", api_url=node.api_url)
    other = Node(settings, network=MemoryNetwork(2).node)
    with pytest.raises(ExceptionGroup) as caught:
        async with asyncio.timeout(10):
            await other.run()
    assert caught.group_contains(ServerError, match="YAGNA_API_URL")


async def test_it_stops_while_a_program_polls(tmp_path: Path):
    node = new_node(tmp_path, app_key="k")
    async with running(node):
        path = "/activity-api/v1/events?timeout=60&afterTimestamp=2026-01-01T00:00:00Z"
        polling = asyncio.create_task(fetch(node, path, "k"))
        await asyncio.sleep(0.1)
        assert not polling.done()
    with pytest.raises(aiohttp.ClientError):
        await polling
