"""The demo: six frames of a scene, rendered by three providers, each paid on a chain.

Run by ``make demo``. Builds the Blender image at the first time, brings up a local network, runs the
tutorial's script against it, and shows what happened. The pictures are in ``demo/out`` then.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from images import SCENE, blender_image, cache_directory
from network import DemoNetwork, demo_network
from pictures import check_picture, make_contact_sheet
from report import show_table
from rich.console import Console
from rich.text import Text
from script import FRAMES, collect_pictures, prepare_folder, provider_of, run_script
from settlement import settle

from golemnet.cli.output import show_error
from golemnet.errors import GolemError
from golemnet.image.recipe import Kept, cached_image

OUT = Path(__file__).parent / "out"
PROVIDERS = 3
SUBNET = "demo-1"

console = Console(highlight=False)


def main() -> None:
    """Run the demo; status 1 and a message when it fails."""
    try:
        asyncio.run(_demo(time.monotonic()))
    except GolemError as error:
        show_error(error)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


async def _demo(started: float) -> None:
    _step("The Blender image (about a minute and 400 MB the first time)")
    image = await asyncio.to_thread(cached_image, blender_image(), cache_directory())
    _step(f"A network of a requestor and {PROVIDERS} providers")
    async with demo_network(PROVIDERS, SUBNET) as network:
        await _render(network, image)
    _step(f"Done in {time.monotonic() - started:.0f} s. The pictures are in {OUT}")


async def _render(network: DemoNetwork, image: Kept) -> None:
    sha3 = await network.publish(image.image, "demo/blender")
    before = await network.nodes()
    with tempfile.TemporaryDirectory(prefix="golem-demo-script-") as name:
        folder = Path(name)
        prepare_folder(folder, sha3, image.products[SCENE])
        _step("The tutorial's script, its image hash changed, in an empty folder with the scene")
        frames: Counter[str] = Counter()
        await run_script(folder, network.environment, lambda line: _hear(line, frames))
        _collect(folder)
    _step("The payments")
    async with network.requestor() as client:
        deals = await settle(client)
    show_table(console, deals, frames, before, await network.nodes())


def _collect(folder: Path) -> None:
    OUT.mkdir(exist_ok=True)
    pictures = collect_pictures(folder, OUT)
    for picture in pictures:
        check_picture(picture)
    labels = (f"frame {frame}" for frame in FRAMES)
    make_contact_sheet(dict(zip(labels, pictures, strict=True)), OUT / "contact_sheet.png")


def _step(what: str) -> None:
    console.print(f"\n[bold green]>[/] [bold]{what}[/]")


def _hear(line: str, frames: Counter[str]) -> None:
    provider = provider_of(line)
    if provider is not None:
        frames[provider] += 1
    _say(line)


def _say(line: str) -> None:
    console.print(Text(f"  {line}", style="dim"), soft_wrap=True)


if __name__ == "__main__":
    main()
