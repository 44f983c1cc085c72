"""A whole paid job between machines that have no way to each other but by routers and a relay.

In the default run the worst of them; GOLEM_TEST_NETWORK=1 adds the others.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from pathlib import Path

import pytest
from lab import Lab
from market import market
from programs import Bootstrap, Daemon, until

from golemnet.image.recipe import Kept

HELLO = Path(__file__).parents[2] / "examples" / "hello" / "hello.py"
JOB_S = 90.0
PAID_S = 30.0
SETTLED = "SETTLED"
ALL = os.environ.get("GOLEM_TEST_NETWORK")

pytestmark = [
    pytest.mark.privileged,
    pytest.mark.slow,
    pytest.mark.chain,
    pytest.mark.system,
    pytest.mark.timeout(240),
]

OTHERS = pytest.mark.skipif(not ALL, reason="takes a minute each; GOLEM_TEST_NETWORK=1 runs it")
WAYS = [
    pytest.param(
        {"new_port_for_each": True, "delay_ms": 50, "loss": 0.02}, "relayed", id="relayed-and-lossy"
    ),
    pytest.param({}, "direct", id="translated", marks=OTHERS),
    pytest.param({"udp": False}, "relayed", id="tcp-only", marks=OTHERS),
    pytest.param({"delay_ms": 50, "loss": 0.02}, "direct", id="lossy", marks=OTHERS),
]


@pytest.mark.parametrize(("way", "path"), WAYS)
async def test_a_job_is_done_and_paid(
    lab: Lab, tmp_path: Path, bootstrap: Bootstrap, image: Kept, way: dict, path: str
):
    folder = tmp_path / "script"
    folder.mkdir()
    shutil.copy(HELLO, folder)
    with market(lab, tmp_path, bootstrap, image) as here:
        requestor = here.node(lab.lan(**way).machine("requestor"))
        provider = here.provider(lab.lan(new_port_for_each=way.get("new_port_for_each", False)).machine("p1"))
        requestor.run("yagna", "payment", "fund")
        output = await run_script(requestor, folder, image.sha3, here.script_environment)
        assert output.count("counted by p1") == 4, output
        await requestor.path_becomes(provider, path)
        async with provider.owner() as client:

            async def is_paid() -> bool:
                invoices = await client.payment.get_invoices()
                return bool(invoices) and all(invoice.status == SETTLED for invoice in invoices)

            await until(is_paid, PAID_S, "paid invoice")


async def run_script(requestor: Daemon, folder: Path, sha3: str, environment: dict[str, str]) -> str:
    """Run the example beside the requestor's daemon; what it printed."""
    process = await asyncio.create_subprocess_exec(
        *requestor.machine.command(sys.executable, HELLO.name, sha3),
        cwd=folder,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        out, _ = await asyncio.wait_for(process.communicate(), JOB_S)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, out.decode()
    return out.decode()
