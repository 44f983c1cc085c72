"""Frames of a Blender scene, a machine for each; the scene crosses once to each machine.

It needs an image with Blender and Python, which is built once (400 MB to fetch), and Python 3.11 here:

    eval "$(golem local env)"
    gvmkit-build --debian blender,python3 --volume /golem/work --push --tag me/blender -o blender.gvmi
    python frames.py cubes.blend 0 10 20
"""

import asyncio
import sys
from functools import partial
from pathlib import Path

from golemnet import Golem

SETTINGS = """
import bpy
scene = bpy.context.scene
scene.render.engine, scene.cycles.samples, scene.cycles.use_denoising = "CYCLES", 32, False
scene.render.resolution_x, scene.render.resolution_y = 320, 240
"""


def render(scene: str, frame: int) -> bytes:
    """The picture of a frame. It runs in a container, in a folder with the scene."""
    import subprocess

    told = ["--python-expr", SETTINGS, "-o", "//frame_", "-F", "PNG", "-f", str(frame)]
    subprocess.run(["blender", "-b", "-noaudio", scene, *told], check=True, stdout=subprocess.DEVNULL)
    return Path(f"frame_{frame:04}.png").read_bytes()


async def main(scene: Path, frames: list[int]) -> None:
    async with Golem(budget=1.0, image="me/blender", retries=3, min_mem_gib=0.5) as golem:
        pictures = golem.map(partial(render, scene.name), frames, workers=20, files=[scene])
        for frame in frames:
            made = Path(f"frame_{frame:04}.png")
            made.write_bytes(await anext(pictures))
            print(made)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), [int(each) for each in sys.argv[2:]] or list(range(0, 60, 10))))
