"""The Python client between the tutorial's time and ours: the last of the old API, and one of the new."""

from __future__ import annotations

from pathlib import Path

import pytest
from client_network import ClientNetwork, check_payments
from jobs import check_six_tasks
from marks import MARKS, shows
from python_clients import installed_python_client

pytestmark = MARKS
SCRIPTS = Path(__file__).parent / "scripts"
CAPABILITIES = ("batch", "payment")


@pytest.mark.parametrize(
    "version",
    [
        pytest.param("0.3.1", marks=shows("yapapi 0.3.1", *CAPABILITIES)),
        pytest.param("0.6.3", marks=shows("yapapi 0.6.3", *CAPABILITIES)),
    ],
)
async def test_six_tasks_with_files(
    version: str, network: ClientNetwork, common: bytes, tmp_path: Path
) -> None:
    client = installed_python_client(f"yapapi-{version}")
    script = SCRIPTS / f"six_tasks_{version.replace('.', '_')}.py"
    arguments = (network.image_hash, network.subnet)
    ended = await client.run(tmp_path, script, *arguments, environment=network.environment)
    check_six_tasks(ended, tmp_path, common)
    assert await check_payments(network) >= 1
