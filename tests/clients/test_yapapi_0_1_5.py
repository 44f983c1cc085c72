"""The client of the tutorial's time, as published in 2020, against our daemons."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from images import SCENE, blender_image, cache_directory
from network import DemoNetwork
from pictures import check_picture
from script import FRAMES, prepare_folder
from settlement import settle

from golemnet.image.recipe import Kept, cached_image

pytestmark = [
    pytest.mark.clients,
    pytest.mark.system,
    pytest.mark.slow,
    pytest.mark.privileged,
    pytest.mark.chain,
    pytest.mark.skipif(os.geteuid() != 0, reason="containers of the best driver need root"),
]

SIX_TASKS = Path(__file__).parent / "scripts" / "six_tasks_0_1_5.py"
WANTED = "GOLEM_TEST_BLENDER"
TRANSACTION = re.compile(r"0x[0-9a-f]{64}")


@pytest.fixture(scope="module")
def client(install_client):
    return install_client("yapapi-0.1.5")


@pytest.fixture(scope="module")
def blender() -> Kept:
    recipe = blender_image()
    cached = cache_directory() / f"{recipe.name}-{recipe.key}" / "sha3"
    if not cached.exists() and not os.environ.get(WANTED):
        pytest.skip(f"the Blender image is not in the cache; `make demo` or {WANTED}=1 makes it")
    return cached_image(recipe, cache_directory())


@pytest.mark.timeout(240)
async def test_six_tasks_on_two_providers(client, network: DemoNetwork, image: Kept, tmp_path: Path) -> None:
    common = os.urandom(300_000)
    (tmp_path / "common.bin").write_bytes(common)
    arguments = (await network.publish(image.image, "tests/small"), "demo-1")
    before = await balances(network)
    status, output = await client.run(
        tmp_path, SIX_TASKS, *arguments, environment=network.environment, timeout_s=150
    )
    check_output(status, output, tasks=6)
    for number in range(6):
        expected = b'{"number": %d}' % number + common
        assert (tmp_path / f"joined_{number}.bin").read_bytes() == expected
    assert await check_payments(network, output, before) == 2


@pytest.mark.timeout(900)
async def test_the_tutorials_six_frames(client, network: DemoNetwork, blender: Kept, tmp_path: Path) -> None:
    sha3 = await network.publish(blender.image, "tests/blender")
    prepare_folder(tmp_path, sha3, blender.products[SCENE])
    before = await balances(network)
    status, output = await client.run(
        tmp_path, Path("example.py"), environment=network.environment, timeout_s=600
    )
    print(output)
    check_output(status, output, tasks=len(FRAMES))
    pictures = [tmp_path / f"output_{frame}.png" for frame in FRAMES]
    for picture in pictures:
        check_picture(picture)
    assert len({picture.read_bytes() for picture in pictures}) == len(FRAMES)
    assert await check_payments(network, output, before) >= 2


def check_output(status: int, output: str, *, tasks: int) -> None:
    assert status == 0, output
    assert "fail=" not in output, output
    assert output.count("('task', 'accept'") == tasks, output
    assert "progress= {'done': True}" in output, output


async def check_payments(network: DemoNetwork, output: str, before: dict[str, object]) -> int:
    """Each provider that has worked was paid on the chain what it claims; how many these are."""
    async with network.requestor() as requestor:
        deals = await settle(requestor)
    after = await balances(network)
    for deal in deals:
        assert deal.price > 0
        assert deal.transactions
        assert all(TRANSACTION.fullmatch(transaction) for transaction in deal.transactions)
        assert after[deal.provider_id] - before[deal.provider_id] == deal.price
    return len(deals)


async def balances(network: DemoNetwork) -> dict[str, object]:
    return {node: line.balance for node, line in (await network.nodes()).items()}
