"""Programs on machines whose only ways to each other are routers that translate addresses, and a relay."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from pathlib import Path

import pytest
from lab import Lab
from programs import STEP_S, Bootstrap, Daemon, exchange, random_file, same, until

pytestmark = [pytest.mark.privileged, pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture
def start(tmp_path: Path, bootstrap: Bootstrap):
    """Starts a daemon on a machine."""
    with ExitStack() as stack:

        def start(machine, **environment) -> Daemon:
            daemon = Daemon(machine, tmp_path / machine.name, bootstrap.address, environment)
            return stack.enter_context(daemon)

        yield start


async def test_two_lans_meet_directly(lab: Lab, start, tmp_path: Path):
    one, other = start(lab.lan().machine("one")), start(lab.lan().machine("other"))
    await one.ping(other)
    await one.path_becomes(other, "direct")
    await exchange(one, other, tmp_path)
    async with one.owner() as client:
        assert (await client.identity.net_status()).public_address == "11.0.0.11:11500"


async def test_translators_that_hide_ports_leave_the_relay(lab: Lab, start, tmp_path: Path):
    one = start(lab.lan(new_port_for_each=True).machine("one"))
    other = start(lab.lan(new_port_for_each=True).machine("other"))
    await one.ping(other)
    await exchange(one, other, tmp_path)
    await one.path_becomes(other, "relayed", timeout_s=1)


async def test_outgoing_tcp_is_enough(lab: Lab, start, tmp_path: Path):
    one, other = start(lab.lan(udp=False).machine("one")), start(lab.lan().machine("other"))
    await other.ping(one)
    await exchange(one, other, tmp_path)
    await other.path_becomes(one, "relayed", timeout_s=1)


async def test_one_lan_needs_nobody_outside(lab: Lab, start, tmp_path: Path):
    lan = lab.lan()
    one, other = start(lan.machine("one")), start(lan.machine("other"))
    await one.ping(other)
    lan.cut()
    await until(lambda: one.is_direct(other, "192.168."), STEP_S, "path within the LAN")
    await exchange(one, other, tmp_path)


async def test_a_partition_heals(lab: Lab, start, tmp_path: Path):
    lan = lab.lan()
    one, other = start(lan.machine("one")), start(lab.lan().machine("other"))
    await one.ping(other)
    lan.cut()
    await one.path_becomes(other, None, timeout_s=10)
    assert not await one.reaches(other)
    lan.heal()
    await one.ping(other)
    await exchange(one, other, tmp_path)


async def test_a_long_and_lossy_way(lab: Lab, start, tmp_path: Path):
    far = lab.lan(delay_ms=50, loss=0.02)
    one, other = start(far.machine("one")), start(lab.lan().machine("other"))
    assert await one.ping(other) >= 100
    await exchange(one, other, tmp_path, size=2_000_000)


async def test_an_address_that_changes_in_a_transfer(lab: Lab, start, tmp_path: Path):
    lan = lab.lan(delay_ms=10)
    machine = lan.machine("one")
    one, other = start(machine), start(lab.lan().machine("other"))
    await one.ping(other)
    file, target = random_file(tmp_path, 40_000_000), tmp_path / "fetched.bin"
    async with one.publishing(file) as url:
        fetching = asyncio.create_task(other.download(url, target, 90))
        await grown(tmp_path, 4_000_000)
        lan.move(machine)
        await fetching
    assert same(file, target)
    await other.ping(one)


async def grown(folder: Path, size: int) -> None:
    """Wait until a download in ``folder`` has come so far."""
    has_grown = lambda: any(path.stat().st_size >= size for path in folder.glob("*fetched*"))  # noqa: E731
    await until(has_grown, STEP_S, "the download to grow")
