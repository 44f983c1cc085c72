"""The client of the tutorial's time, as published in 2020, against our daemons."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from client_network import ClientNetwork, check_payments
from images import SCENE, blender_image, cache_directory
from marks import MARKS, shows
from pictures import check_picture
from published import Ended
from python_clients import PythonClient
from script import FRAMES, prepare_folder

from golemnet.image.recipe import Kept, cached_image

pytestmark = MARKS
CLIENT = "yapapi-0.1.5"
NAME = "yapapi 0.1.5"

SIX_TASKS = Path(__file__).parent / "scripts" / "six_tasks_0_1_5.py"
WANTED = "GOLEM_TEST_BLENDER"
RACES = 2
RACE = "readuntil() called while another coroutine is already waiting"


@pytest.fixture(scope="module")
def blender() -> Kept:
    if not os.environ.get(WANTED):
        pytest.skip(f"six frames take minutes of two cores; {WANTED}=1 renders them")
    return cached_image(blender_image(), cache_directory())


@pytest.mark.timeout(300)
@shows(NAME, "batch", "payment")
async def test_six_tasks_on_two_providers(
    client: PythonClient, network: ClientNetwork, common: bytes, tmp_path: Path
) -> None:
    arguments = (network.image_hash, network.subnet)
    ended = await until_it_does_not_race(
        lambda: client.run(tmp_path, SIX_TASKS, *arguments, environment=network.environment, timeout_s=60)
    )
    check_output(ended, tasks=6)
    for number in range(6):
        expected = b'{"number": %d}' % number + common
        assert (tmp_path / f"joined_{number}.bin").read_bytes() == expected
    assert await check_payments(network) == 2


@pytest.mark.timeout(900)
@shows(NAME, "tutorial")
async def test_the_tutorials_six_frames(
    client: PythonClient, network: ClientNetwork, blender: Kept, tmp_path: Path
) -> None:
    sha3 = await network.running.publish(blender.image, "tests/blender")
    prepare_folder(tmp_path, sha3, blender.products[SCENE])
    script = tmp_path / "example.py"
    ended = await client.run(tmp_path, script, environment=network.environment, timeout_s=600)
    check_output(ended, tasks=len(FRAMES))
    pictures = [tmp_path / f"output_{frame}.png" for frame in FRAMES]
    for picture in pictures:
        check_picture(picture)
    assert len({picture.read_bytes() for picture in pictures}) == len(FRAMES)
    assert await check_payments(network) == 2


async def until_it_does_not_race(run: Callable[[], Awaitable[Ended]]) -> Ended:
    """Two workers of this client that ask ``gftp`` at the same moment break each other, and it hangs."""
    for _ in range(RACES):
        try:
            return await run()
        except TimeoutError as error:
            if RACE not in str(error):
                raise
    return await run()


def check_output(ended: Ended, *, tasks: int) -> None:
    assert ended.status == 0, ended.output
    assert "fail=" not in ended.output, ended.output
    assert ended.output.count("('task', 'accept'") == tasks, ended.output
    assert "progress= {'done': True}" in ended.output, ended.output
