"""``yagna net`` on two nodes that have met over real sockets."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from golemnet.daemon.node import Node
from golemnet.daemon.settings import Settings
from golemnet.testing.nodes import running

UNKNOWN = "0x" + "1" * 40


def new_node(data_dir: Path, *bootstrap: str) -> Node:
    return Node(
        Settings(
            data_dir=data_dir,
            api_url="http://127.0.0.1:0",
            net_bind="127.0.0.1:0",
            net_bootstrap=bootstrap,
        )
    )


@pytest.fixture
async def pair(tmp_path: Path):
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(running(new_node(tmp_path / "1")))
        assert one.net_address
        met = asyncio.Event()
        one.network.on_neighbour(lambda node: met.set())
        other = await stack.enter_async_context(running(new_node(tmp_path / "2", one.net_address)))
        await asyncio.wait_for(met.wait(), 20)
        yield one, other


async def run(node: Node, *arguments: str) -> tuple[int, str, str]:
    program = "from golemnet.cli.yagna import main; main()"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program, "net", *arguments, "-d", str(node.settings.data_dir)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 30)
    return process.returncode or 0, out.decode(), err.decode()


async def test_peers_and_sessions(pair):
    one, other = pair
    for command in ("peers", "sessions"):
        status, out, err = await run(one, command, "--json")
        assert (status, err) == (0, "")
        [row] = json.loads(out)
        assert (row["nodeId"], row["path"]) == (other.key.node_id, "direct")
        assert row["address"].startswith(("127.0.0.1:", "[::1]:"))
    assert row["openedBy"] == "them"
    assert min(row["messagesSent"], row["messagesReceived"]) > 0
    # Each has at least told the other its record, with a signature and a key.
    assert min(row["bytesSent"], row["bytesReceived"]) > 100
    _, table, _ = await run(other, "sessions")
    assert one.key.node_id in table
    assert "us" in table.split()


async def test_ping_says_who_does_not_answer(pair):
    one, other = pair
    status, out, _ = await run(one, "ping", "--json")
    [row] = json.loads(out)
    assert (status, row["nodeId"]) == (0, other.key.node_id)
    assert 0 < row["roundTripMs"] < 1000
    status, out, _ = await run(one, "ping", UNKNOWN)
    assert status == 1
    assert "not known in this network" in out
    status, _, err = await run(one, "ping", "nobody")
    assert status == 1
    assert "is not a node id" in err
