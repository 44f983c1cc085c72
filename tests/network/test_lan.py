"""Nodes of one LAN find each other with nothing to configure, and only they do."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest
from lab import Lab
from programs import Daemon, exchange

pytestmark = [pytest.mark.privileged, pytest.mark.slow, pytest.mark.timeout(120)]

FOUND_S = 5.0


async def test_a_lan_is_a_network(lab: Lab, tmp_path: Path):
    lan = lab.lan()
    machines = [lan.machine(name) for name in ("one", "other", "silent", "local")]
    ways = ({}, {}, {"GOLEM_NET_LAN": "0"}, {"GOLEM_NET_BIND": "127.0.0.1:11500"})
    with ExitStack() as stack:

        def start(machine, **environment) -> Daemon:
            return stack.enter_context(Daemon(machine, tmp_path / machine.name, "", environment))

        outside = start(lab.lan().machine("outside"))
        one, other, *alone = [start(machine, **way) for machine, way in zip(machines, ways, strict=True)]
        await one.path_becomes(other, "direct", timeout_s=FOUND_S)
        await exchange(one, other, tmp_path)
        for daemon in (outside, *alone):
            async with daemon.owner() as client:
                assert await client.identity.net_peers() == []
