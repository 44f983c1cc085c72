"""Examples that need a large image of their own. They run on request: GOLEM_HEAVY_EXAMPLES=1 pytest FILE."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from network import DemoNetwork, demo_network
from running_script import running_script

pytestmark = [
    pytest.mark.system,
    pytest.mark.slow,
    pytest.mark.privileged,
    pytest.mark.chain,
    pytest.mark.timeout(2000),
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif("GOLEM_HEAVY_EXAMPLES" not in os.environ, reason="on request: GOLEM_HEAVY_EXAMPLES=1"),
]

EXAMPLES = Path(__file__).parents[2] / "examples"
BUILD = Path(sys.executable).parent / "gvmkit-build"
GOLEM = Path(sys.executable).parent / "golem"
STEP_S = 800.0
MAKE_VIDEO = "ffmpeg -v error -f lavfi -i testsrc=size=320x240:duration=2 -f lavfi -i sine=duration=2 {}.mp4"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def net() -> AsyncIterator[DemoNetwork]:
    async with demo_network(3, "heavy") as network:
        yield network


async def build(net: DemoNetwork, folder: Path, packages: str, tag: str) -> None:
    """Build an image as the example says, and push it."""
    process = await asyncio.create_subprocess_exec(
        *(BUILD, "--debian", packages, "--volume", "/golem/work", "--push", "--tag", tag, "-o", "made.gvmi"),
        cwd=folder,
        env={**os.environ, **net.environment},
    )
    try:
        assert await asyncio.wait_for(process.wait(), STEP_S) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def run(net: DemoNetwork, folder: Path, name: str, *arguments: str) -> str:
    """What an example prints; it has to succeed."""
    script = EXAMPLES / name / f"{name}.py"
    environment = {**net.environment, "GOLEM_DATA_DIR": str(folder / "known")}
    async with running_script(folder, script, *arguments, environment=environment) as running:
        assert await running.finish(STEP_S) == 0, running.output
        return running.output


async def test_transcode(net: DemoNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    await build(net, tmp_path, "ffmpeg", "me/ffmpeg")
    for name, value in net.environment.items():
        monkeypatch.setenv(name, value)
    from golemnet import Golem

    async with Golem(1.0, image="me/ffmpeg", workers=2) as golem:
        videos = [made.files[0] async for made in golem.map(MAKE_VIDEO, ["one", "two"], output=tmp_path)]
    output = await run(net, tmp_path, "transcode", *(each.name for each in videos))
    assert [(tmp_path / "out" / f"{each.stem}.webm").exists() for each in videos] == [True, True], output


async def test_frames(net: DemoNetwork, tmp_path: Path):
    await build(net, tmp_path, "blender,python3", "me/blender")
    make = Path(__file__).parents[2] / "demo" / "blender" / "make_scene.py"
    process = await asyncio.create_subprocess_exec(
        *(GOLEM, "run", "-i", "me/blender", "-f", make, "--"),
        "blender -b -noaudio --python-exit-code 1 --python make_scene.py -- $PWD/cubes.blend",
        cwd=tmp_path,
        env={**os.environ, **net.environment},
    )
    assert await asyncio.wait_for(process.wait(), STEP_S) == 0
    await run(net, tmp_path, "frames", "cubes.blend", "0", "30")
    first, second = ((tmp_path / f"frame_{frame:04}.png").read_bytes() for frame in (0, 30))
    assert first[:4] == second[:4] == b"\x89PNG"
    assert first != second


async def test_forest(net: DemoNetwork, tmp_path: Path):
    await build(net, tmp_path, "python3,python3-sklearn", "me/sklearn")
    output = await run(net, tmp_path, "forest")
    best = float(output.split("best: ")[1].split()[0])
    assert 0.8 < best < 1
    assert (tmp_path / "forest.html").exists()
