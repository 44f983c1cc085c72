"""Networks of their own: what is in them, who shares them, and that they end."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from ipaddress import IPv4Address, IPv4Interface

import pytest

from golemnet.runtime import ping as pinging
from golemnet.runtime.errors import RuntimeFailure
from golemnet.runtime.network_namespace import NetworkNamespace
from golemnet.runtime.ping import ping

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="containers of these drivers need root")
RUNC = pytest.param(
    "runc", marks=pytest.mark.skipif(shutil.which("runc") is None, reason="no runc: apt-get install runc")
)
HERE, THERE = IPv4Address("10.5.0.1"), IPv4Address("10.5.0.2")
ATTACH = """
import os
from ipaddress import IPv4Address, IPv4Interface
from golemnet.runtime.ping import ping
await driver.deploy(IMAGE, LIMITS, {})
await driver.start()
network = await driver.network_namespace()
tun = await network.open_tun("eth0", IPv4Interface("10.5.0.1/24"), 9000)
await ping(tun, IPv4Address("10.5.0.1"), IPv4Address("10.5.0.2"))
listening = await network.listen("10.5.0.1", 80)
"""


@pytest.mark.privileged
@as_root
@pytest.mark.parametrize("driver", ["crun", RUNC, "bwrap"])
def test_all_commands_share_one_network_and_see_no_other(laboratory, driver):
    look = "cat /proc/net/dev /proc/net/tcp /proc/sys/net/ipv4/ping_group_range"
    body = ATTACH + f"return [await shell(driver, {look!r}) for _ in range(2)]"
    answers = json.loads(laboratory.run(driver, body))
    for code, text in answers:
        assert code == 0
        devices = [line.split(":")[0].strip() for line in text.splitlines() if "eth" in line or "lo:" in line]
        assert sorted(devices) == ["eth0", "lo"]
        # port 80 of 10.5.0.1, as the kernel writes it
        assert "0100050A:0050" in text
        # root's group may ping; "1 0" is how the kernel writes that nobody may
        assert text.splitlines()[-1].split()[0] == "0"


# A plain user who may use the device, as udev's rules let everybody; the right to read files is for this
# checkout's sake, which may lie in root's home.
BECOME_PLAIN = """
set -e
mount -t tmpfs none /mnt
mknod -m 666 /mnt/tun c 10 200
mount --bind /mnt/tun /dev/net/tun
read=-all,+dac_read_search
exec setpriv --reuid 65534 --regid 65534 --clear-groups \
    --inh-caps $read --ambient-caps $read --bounding-set $read "$@"
"""
PLAIN_USER = """
import asyncio, os, sys
from ipaddress import IPv4Address, IPv4Interface
from golemnet.runtime.network_namespace import NetworkNamespace
from golemnet.runtime.ping import ping

async def main():
    assert os.getuid() == 65534
    network = await NetworkNamespace.make()
    tun = await network.open_tun("eth0", IPv4Interface("10.5.0.1/24"), 9000)
    await ping(tun, IPv4Address("10.5.0.1"), IPv4Address("10.5.0.2"))
    process = await asyncio.create_subprocess_exec(*network.entering(), "cat", "/proc/net/dev")
    sys.exit(await process.wait())

asyncio.run(main())
"""


@pytest.mark.privileged
@as_root
def test_a_plain_user_can_have_one():
    command = ["unshare", "--mount", "sh", "-c", BECOME_PLAIN, "sh", sys.executable, "-c", PLAIN_USER]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0, done.stderr
    assert "eth0" in done.stdout


@pytest.mark.privileged
@as_root
async def test_only_the_own_address_answers(monkeypatch):
    network = await NetworkNamespace.make()
    tun = await network.open_tun("eth0", IPv4Interface("10.5.0.1/24"), 1400)
    try:
        await ping(tun, HERE, THERE)
        await network.add_address("eth0:1", IPv4Interface("10.5.0.9/24"))
        await ping(tun, IPv4Address("10.5.0.9"), THERE)
        monkeypatch.setattr(pinging, "PING_TIMEOUT_S", 0.3)
        with pytest.raises(RuntimeFailure, match="did not answer"):
            await ping(tun, IPv4Address("127.0.0.1"), THERE)
    finally:
        os.close(tun)
        network.close()


@pytest.mark.privileged
@as_root
async def test_what_the_kernel_refuses_is_told():
    network = await NetworkNamespace.make()
    try:
        with pytest.raises(RuntimeFailure, match="Cannot assign requested address"):
            await network.listen("10.5.0.1", 80)
        tun = await network.open_tun("eth0", IPv4Interface("10.5.0.1/24"), 1400)
        with pytest.raises(RuntimeFailure, match="busy"):
            await network.open_tun("eth0", IPv4Interface("10.5.0.1/24"), 1400)
        os.close(tun)
    finally:
        network.close()
        network.close()
