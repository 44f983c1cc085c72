"""What Prometheus reads."""

import asyncio
import re
from contextlib import AsyncExitStack

import aiohttp

from golemnet.daemon.node import Node
from golemnet.daemon.routes.metrics import render
from golemnet.daemon.settings import Settings
from golemnet.model.keys import NodeKey
from golemnet.net.memory import MemoryNetwork
from golemnet.net.traffic import MAX_KINDS, OTHER, Traffic
from golemnet.testing.nodes import APP_KEY, running

SAMPLE = re.compile(r'^([a-z_]+)\{((?:[a-z]+="(?:[^"\\\n]|\\.)*",?)*)\} ([0-9.e+-]+)$')


def new_node(data_dir, *bootstrap):
    settings = Settings(
        data_dir=data_dir,
        api_url="http://127.0.0.1:0",
        app_key=APP_KEY,
        net_bind="127.0.0.1:0",
        net_bootstrap=bootstrap,
    )
    return Node(settings)


def samples(text):
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    parsed = [SAMPLE.fullmatch(line) for line in lines]
    assert all(parsed), text
    found = {(each[1], each[2]): float(each[3]) for each in parsed}
    assert len(found) == len(lines)
    return found


async def test_a_scrape_of_a_node_that_has_met_another(tmp_path):
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(running(new_node(tmp_path / "1")))
        met = asyncio.Event()
        one.network.on_neighbour(lambda node: met.set())
        other = await stack.enter_async_context(running(new_node(tmp_path / "2", one.net_address)))
        await asyncio.wait_for(met.wait(), 20)
        await one.network.ping(other.key.node_id, timeout_s=5)
        async with aiohttp.ClientSession() as session:
            url = f"{one.api_url}/metrics"
            async with session.get(url) as refused:
                assert refused.status == 401
            async with session.get(url, headers={"Authorization": f"Bearer {APP_KEY}"}) as answer:
                assert answer.content_type == "text/plain"
                found = samples(await answer.text())
    assert found["golemnet_sessions", 'path="direct"'] >= 1
    assert found["golemnet_messages_total", 'direction="sent",kind="ping"'] >= 1
    assert found["golemnet_messages_total", 'direction="received",kind="pong"'] >= 1
    assert found["golemnet_bytes_total", 'direction="received",kind="hello"'] > 100
    assert ("golemnet_round_trip_seconds", f'node="{other.key.node_id}"') in found


def test_names_that_peers_choose_do_no_harm():
    network = MemoryNetwork(1).node(NodeKey.generate())
    for number in range(2 * MAX_KINDS):
        network.traffic.count_received(f'"{number}\n\\' + "x" * 10_000, 1)
    text = render(network)
    assert len(text) < 50_000
    counted = {labels: value for (name, labels), value in samples(text).items() if "messages" in name}
    assert sum(counted.values()) == 2 * MAX_KINDS
    assert counted[f'direction="received",kind="{OTHER}"'] == MAX_KINDS


def test_a_session_counts_for_the_node_too():
    whole = Traffic()
    for one in (Traffic(whole), Traffic(whole)):
        one.count_sent("call", 10)
        one.count_sent("call", 5, messages=0)
    assert (whole.sent["call"].messages, whole.sent["call"].bytes) == (2, 30)
