"""What the commands of a script act on: an agreement's terms made an isolated environment, and removed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec.structs import replace

from golemnet.errors import GolemError
from golemnet.exeunit.agreement import GIB, Terms
from golemnet.exeunit.capture import CapturePlan
from golemnet.exeunit.errors import CommandFailed
from golemnet.exeunit.file_cache import FileCache
from golemnet.exeunit.image_cache import ImageCache
from golemnet.exeunit.locations import parse_location
from golemnet.exeunit.output import Emit, Outcome, follow
from golemnet.exeunit.permitted import Permitted
from golemnet.exeunit.private_networks import Place, PrivateNetworks
from golemnet.exeunit.transfers import Progress, Transfers
from golemnet.exeunit.volumes import Volumes
from golemnet.exeunit.way_out import RESOLVER_FILE, RESOLVER_TEXT, WayOut
from golemnet.exeunit.web import Internet
from golemnet.model.task_package import TaskPackage, parse_task_package
from golemnet.rest.client import Client
from golemnet.runtime.driver import Driver, Process

KILLED: Final = 137
# A file system keeps a little for itself: a write may fail while less than this is free.
FULL_BYTES: Final = 1024**2


class Environment:
    """One activity's environment. The order of calls is the caller's to keep (``states.py``).

    Args:
        terms: of the agreement.
        driver: a fresh one.
        images: the provider's cache.
        files: what the requestor has sent to this provider before.
        client: of the provider's daemon.
        internet: as far as scripts may reach.
        networks: this activity's ends of private networks.
        way_out: its way to the internet, which is opened if the agreement says so.
    """

    def __init__(
        self,
        terms: Terms,
        driver: Driver,
        images: ImageCache,
        files: FileCache,
        client: Client,
        internet: Internet,
        networks: PrivateNetworks,
        way_out: WayOut,
    ) -> None:
        self.permitted = Permitted(terms.script)
        self._terms = terms
        self._driver = driver
        self._images = images
        self._files = files
        self._client = client
        self._internet = internet
        self._networks = networks
        self._way_out = way_out
        self._places: Sequence[Place] = ()
        self._volumes = Volumes([])
        self._transfers: Transfers | None = None
        self._process: Process | None = None

    async def deploy(
        self, env: Mapping[str, str], places: Sequence[Place] = (), progress: Progress | None = None
    ) -> None:
        """Fetch the image of the agreement and mount it; ``places`` are for ``start``. Raises GolemError."""
        self._places = places
        package = _package(self._terms.task_package)
        image = await self._images.get(package.sha3_224, package.url, progress)
        if self._terms.outbound is not None:
            image = replace(image, files={RESOLVER_FILE: RESOLVER_TEXT})
        self._volumes = Volumes(await self._driver.deploy(image, self._terms.limits, env))
        # what was unpacked now has a bound, too
        await asyncio.to_thread(self._images.tidy)
        self._transfers = Transfers(
            self._client, self._internet, self._volumes, self._files, self._driver.room
        )

    async def start(self) -> None:
        """Bring the environment up, and into its networks. Raises GolemError."""
        await self._driver.start()
        if self._places:
            await self._networks.join(await self._driver.network_namespace(), self._places)
        if self._terms.outbound is not None:
            await self._way_out.open(await self._driver.network_namespace(), self._terms.outbound)

    async def run(
        self, command: str, arguments: Sequence[str], stdout: CapturePlan, stderr: CapturePlan, emit: Emit
    ) -> Outcome:
        """Run a command to its end; cancelling kills it."""
        process = await self._driver.run(command, arguments)
        try:
            return await follow(process, stdout, stderr, emit)
        finally:
            await asyncio.shield(process.kill())

    async def explain(self, outcome: Outcome, command: str) -> str:
        """What to tell of a command that failed."""
        reason = f"{command} ended with exit code {outcome.code}"
        if outcome.code == KILLED and await self._is_out_of_memory():
            gib = self._terms.limits.memory_bytes / GIB
            reason = f"{command} was killed: it needs more memory than the agreement grants ({gib:g} GiB)"
        elif await self._driver.room() < FULL_BYTES:
            gib = self._terms.limits.storage_bytes / GIB
            reason += f"; the storage that the agreement grants ({gib:g} GiB) is full"
        return f"{reason}: {outcome.error_tail}" if outcome.error_tail else f"{reason}."

    async def _is_out_of_memory(self) -> bool:
        used = await self._driver.usage()
        return used.memory_peak_bytes >= 0.98 * self._terms.limits.memory_bytes

    async def transfer(
        self, source: str, target: str, progress: Progress | None = None, archive: str | None = None
    ) -> None:
        """Move a file, or a folder as an ``archive``; both as texts (``locations.py``). Raises GolemError."""
        if self._transfers is None:
            raise CommandFailed("Nothing is deployed yet.")
        await self._transfers.move(parse_location(source), parse_location(target), progress, archive)

    async def stop(self) -> None:
        """Kill and remove everything."""
        await self._networks.leave()
        await self._way_out.close()
        await self._driver.stop()


def _package(text: str) -> TaskPackage:
    try:
        return parse_task_package(text)
    except (ValueError, GolemError) as error:
        raise CommandFailed("The demand's task package cannot be used.", why=str(error)) from error
