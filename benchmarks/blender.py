"""What isolation costs a payload that computes: ``python benchmarks/blender.py``, as root.

A frame is rendered in turn by each driver and in a plain chroot of the same image, on the same number of
processors; what counts is the median of what Blender's own command takes, in processor time and by the clock.
On a busy machine the clock says little.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parent.parent / "demo"))

from images import SCENE, blender_image, cache_directory
from promises import at_most, finish, shown

from golemnet.image.recipe import cached_image
from golemnet.runtime import cage
from golemnet.runtime.driver import Image, Limits
from golemnet.runtime.selection import AS_ROOT, make_driver

ROUNDS = 3
TIMEOUT_S = 300
COMMAND = "/golem/entrypoints/run-blender.sh"
LIMITS = Limits(memory_bytes=2 << 30, storage_bytes=1 << 30, cpu_cores=float(os.cpu_count() or 1))
PARAMETERS = {
    "scene_file": "/golem/work/scene.blend",
    "resolution": (400, 300),
    "use_compositing": False,
    "crops": [{"outfilebasename": "out", "borders_x": [0.0, 1.0], "borders_y": [0.0, 1.0]}],
    "samples": 100,
    "frames": [0],
    "output_format": "PNG",
    "RESOURCES_DIR": "/golem/work",
    "WORK_DIR": "/golem/work",
    "OUTPUT_DIR": "/golem/work",
}
OUTSIDE = """
mount -t squashfs -o loop,ro "$1" "$2" && mount -t proc proc "$2/proc" && mount --rbind /dev "$2/dev" &&
mount -t tmpfs tmp "$2/tmp" && mount --bind "$3" "$2/golem/work" && exec chroot "$2" "$4"
"""
PLACES = ("outside", "crun", "bwrap")
KINDS = PROCESSOR, CLOCK = ("processor", "clock")
MOST = 1.1
Taken = dict[str, float]
"""Seconds, by kind."""


def main() -> None:
    """Measure and print."""
    if len(sys.argv) > 2:
        print(json.dumps(render_here(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))))
        return
    kept = cached_image(blender_image(), cache_directory())
    taken: dict[str, list[Taken]] = {place: [] for place in PLACES}
    for _ in range(ROUNDS):
        for place in PLACES:
            taken[place].append(render(place, kept.image, kept.products[SCENE]))
    figures = {f"{place}: a frame, {kind}": _median(taken[place], kind) for place in PLACES for kind in KINDS}
    ratios = {
        f"{place}: of outside, {kind}": _median(taken[place], kind) / _median(taken["outside"], kind)
        for place in PLACES[1:]
        for kind in KINDS
    }
    promises = {what: shown("s") for what in figures} | {what: at_most(MOST, "times") for what in ratios}
    finish(promises, figures | ratios)


def _median(taken: Sequence[Taken], kind: str) -> float:
    return median(each[kind] for each in taken)


def render(place: str, image: Path, scene: Path) -> Taken:
    """What it takes, in a process of its own, because containers need a cage."""
    command = [sys.executable, __file__, place, str(image), str(scene)]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, timeout=TIMEOUT_S, check=True).stdout)


def render_here(place: str, image: Path, scene: Path) -> Taken:
    """Seconds that the command takes, without what prepares it."""
    if place in AS_ROOT:
        cage.enter()
    with tempfile.TemporaryDirectory(prefix="golem-bench-") as folder:
        if place == "outside":
            return _outside(image, scene, Path(folder))
        return asyncio.run(_inside(place, image, scene, Path(folder) / "activity"))


def _outside(image: Path, scene: Path, folder: Path) -> Taken:
    root, work = folder / "root", folder / "work"
    root.mkdir()
    work.mkdir()
    _fill(work, scene)
    command = ["unshare", "--mount", "sh", "-c", OUTSIDE, "sh", str(image), str(root), str(work), COMMAND]
    started = time.monotonic()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {CLOCK: time.monotonic() - started, PROCESSOR: used.ru_utime + used.ru_stime}


async def _inside(driver: str, path: Path, scene: Path, folder: Path) -> Taken:
    environment = make_driver(driver, f"bench-{os.getpid()}", folder)
    try:
        image = Image(path, volumes=["/golem/work"], unpacked=folder.with_name("unpacked") / "blender")
        [volume] = await environment.deploy(image, LIMITS, {})
        _fill(volume.directory, scene)
        await environment.start()
        before, started = (await environment.usage()).cpu_sec, time.monotonic()
        process = await environment.run(COMMAND, [])
        _, errors, code = await asyncio.gather(process.stdout.read(), process.stderr.read(), process.wait())
        if code != 0:
            raise SystemExit(f"{COMMAND} ended with {code}: {errors.decode(errors='replace')[-2000:]}")
        clock = time.monotonic() - started
        return {CLOCK: clock, PROCESSOR: (await environment.usage()).cpu_sec - before}
    finally:
        await environment.stop()


def _fill(work: Path, scene: Path) -> None:
    (work / "params.json").write_text(json.dumps(PARAMETERS))
    (work / "scene.blend").write_bytes(scene.read_bytes())
    for each in work.iterdir():
        each.chmod(0o644)
    work.chmod(0o777)


if __name__ == "__main__":
    main()
