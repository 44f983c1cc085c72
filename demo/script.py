"""Running the tutorial's script as its user would: in a folder that holds it and the scene."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from golemnet.errors import GolemError

FRAMES = tuple(range(0, 60, 10))
TUTORIAL = Path(__file__).parent.parent / "examples" / "blender" / "example.py"
RUN_TIMEOUT_S = 900.0
_FRAME_DONE = re.compile(r"<task \d+: accepted by (?P<provider>[^>,]+)>")
_IMAGE_HASH = re.compile(r'(?<=image_hash=")[0-9a-f]{56}(?=")')


def prepare_folder(folder: Path, image_hash: str, scene: Path) -> None:
    """Put the tutorial's script and the scene into ``folder``; nothing but the image's hash is changed."""
    text, changes = _IMAGE_HASH.subn(image_hash, TUTORIAL.read_text())
    if changes != 1:
        raise GolemError(f"{TUTORIAL} does not name one image.")
    (folder / "example.py").write_text(text)
    shutil.copyfile(scene, folder / "cubes.blend")


async def run_script(folder: Path, environment: Mapping[str, str], say: Callable[[str], None]) -> None:
    """Run the script to its end; ``say`` hears each line of it.

    Raises:
        GolemError: it failed or took longer than ``RUN_TIMEOUT_S``.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-u", "example.py"),
        cwd=folder,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(RUN_TIMEOUT_S):
            async for line in process.stdout:
                say(line.decode(errors="replace").rstrip())
            status = await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if status != 0:
        raise GolemError(f"The script has ended with status {status}.", why="Its last words are above.")


def provider_of(line: str) -> str | None:
    """Who has rendered a frame, if the script's line says so."""
    done = _FRAME_DONE.search(line)
    return done["provider"] if done else None


def collect_pictures(folder: Path, out: Path) -> Sequence[Path]:
    """Move the pictures of all frames from ``folder`` to ``out``. Raises GolemError when one is missing."""
    pictures = [folder / f"output_{frame}.png" for frame in FRAMES]
    missing = [picture.name for picture in pictures if not picture.exists()]
    if missing:
        raise GolemError(f"The script has ended, but {', '.join(missing)} is missing.")
    return [Path(shutil.move(picture, out / picture.name)) for picture in pictures]
