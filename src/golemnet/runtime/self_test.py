"""Finding out what really works: a command is run in a tiny image, by each driver until one succeeds.

The presence of a program or a device says nothing (``/dev/kvm`` opens on machines where no guest
boots), so what an offer promises comes from here. The test runs in a process of its own (``self_testing``),
because a driver for root needs a cage: ``python -m golemnet.runtime.self_test FOLDER`` prints the result as
JSON. Whoever offers waits for it, so nothing is loaded here that it does without.
"""

from __future__ import annotations

import asyncio
import os
import platform
import sys
import tempfile
import time
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

import msgspec

from golemnet.model.packets import MTU
from golemnet.runtime import cage, commands, programs
from golemnet.runtime.driver import Driver, Image, Isolation, Limits, Network
from golemnet.runtime.errors import NoRuntime, RuntimeFailure
from golemnet.runtime.ping import ping
from golemnet.runtime.selection import EMULATED, candidates, make_driver, needs_cage

DRIVER_TIMEOUT_S = 10.0
EMULATED_TIMEOUT_S = 60.0
VPN = "vpn"
INET = "inet"
MANIFESTS = "manifest-support"
_LIMITS = Limits(memory_bytes=64 * 1024**2, storage_bytes=16 * 1024**2, cpu_cores=1.0, processes=32)


class SelfTest(msgspec.Struct, frozen=True):
    """What this machine can do: the best driver that ran a command, or none and why.

    ``seconds`` is the time from deploy to the end of the command; ``capabilities`` are those of
    ``golem.runtime.capabilities`` that work.
    """

    driver: str | None
    isolation: Isolation | None
    seconds: float
    problems: dict[str, str]
    capabilities: tuple[str, ...] = ()

    def require(self) -> str:
        """The driver's name. Raises NoRuntime with every driver's reason."""
        if self.driver is None:
            reasons = "; ".join(f"{name}: {reason}" for name, reason in self.problems.items())
            raise NoRuntime(
                "This machine cannot isolate a program, so it cannot offer computation.",
                why=reasons,
                next_step="apt-get install crun squashfs-tools e2fsprogs (root) or bubblewrap (user).",
            )
        return self.driver


async def test_drivers(folder: Path) -> SelfTest:
    """Try the drivers of this user in turn; the calling process must be in a cage if it is root's."""
    problems: dict[str, str] = {}
    for name in candidates():
        started = time.monotonic()
        try:
            driver = make_driver(name, f"self-test-{os.getpid()}-{time.time_ns()}", folder / name)
            trying = _try(driver, await _tiny_image(folder), problems)
            capabilities = await asyncio.wait_for(trying, _patience(name))
            return SelfTest(name, driver.isolation, time.monotonic() - started, problems, capabilities)
        except TimeoutError:
            problems[name] = f"did not end in {_patience(name):g} s"
        except (RuntimeFailure, OSError, ImportError, KeyError) as error:
            problems[name] = str(error)
    return SelfTest(None, None, 0.0, problems)


def _patience(driver: str) -> float:
    return EMULATED_TIMEOUT_S if driver == EMULATED else DRIVER_TIMEOUT_S


async def _try(driver: Driver, image: Path, problems: dict[str, str]) -> tuple[str, ...]:
    """Run a command; the capabilities that work beyond that."""
    try:
        await driver.deploy(Image(image, volumes=["/golem/work"]), _LIMITS, {})
        await driver.start()
        capabilities = await _with_network(driver, problems)
        process = await driver.run("/bin/true", [])
        _, errors, code = await asyncio.gather(process.stdout.read(), process.stderr.read(), process.wait())
        if code != 0:
            raise RuntimeFailure(
                f"/bin/true ended with {code}.", why=errors.decode("utf-8", "replace")[-500:]
            )
        return capabilities
    finally:
        await driver.stop()


async def _with_network(driver: Driver, problems: dict[str, str]) -> tuple[str, ...]:
    """Which networks the environment can be in; manifests need none."""
    working = [MANIFESTS]
    for name, attempt in ((VPN, _try_private_network), (INET, _try_way_out)):
        try:
            await attempt(await driver.network_namespace())
            working.append(name)
        except (RuntimeFailure, OSError) as error:
            problems[name] = str(error)
    return tuple(working)


async def _try_private_network(network: Network) -> None:
    """The environment's address must answer. Raises RuntimeFailure."""
    here, there = IPv4Interface("10.0.0.1/30"), IPv4Address("10.0.0.2")
    tun = await network.open_tun("eth0", here, MTU)
    try:
        await ping(tun, here.ip, there)
    finally:
        os.close(tun)


async def _try_way_out(network: Network) -> None:
    """What listens for the environment must be reached in it. Raises RuntimeFailure, OSError."""
    own = IPv4Interface("198.18.0.1/15")
    receiving, listening = await network.open_servers(own, [(str(own.ip + 9), 80)])
    (connecting,) = await network.open_sockets(1)
    try:
        await asyncio.get_running_loop().sock_connect(connecting, (str(own.ip + 9), 80))
    finally:
        for each in (receiving, connecting, *listening):
            each.close()


async def _tiny_image(folder: Path) -> Path:
    image, root = folder / "self-test.squashfs", folder / "self-test-root"
    if image.exists():
        return image
    for name in ("bin", "proc", "sys", "dev", "tmp", "golem/work"):
        (root / name).mkdir(parents=True, exist_ok=True)
    program = root / "bin" / "true"
    program.write_bytes(programs.true_program(platform.machine()))
    program.chmod(0o755)
    make = commands.find("mksquashfs", "squashfs-tools")
    await commands.check(make, str(root), str(image), "-quiet", "-no-progress", "-noappend", "-all-root")
    return image


def main() -> None:
    """Test in a temporary folder below the one that is named, print JSON."""
    with tempfile.TemporaryDirectory(prefix="self-test-", dir=sys.argv[1]) as name:
        # the folder is removed by the process that made it, which is the guard of the cage
        code = _in_child(Path(name))
    sys.exit(code)


def _in_child(folder: Path) -> int:
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if needs_cage():
        cage.enter()
    result = asyncio.run(test_drivers(folder))
    sys.stdout.buffer.write(msgspec.json.encode(result))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
