"""A chain of one's own: anvil, the contracts on it, its state on disk, and the file that describes it."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import structlog

from golemnet.chain.anvil import CHAIN_ID, Anvil
from golemnet.chain.chain_file import ChainFile, FaucetAccount, write_chain_file
from golemnet.chain.deploy import Deployed, deploy
from golemnet.chain.errors import ChainError
from golemnet.chain.install import anvil_program, cache_directory

SAVE_INTERVAL_S = 1.0
CHAIN_FILE = "chain.json"

log = structlog.get_logger(__name__)


async def run_embedded_chain(
    directory: Path, port: int, ready: asyncio.Event, *, cache: Path | None = None
) -> None:
    """Run a chain at ``http://127.0.0.1:<port>`` until cancelled; ``ready`` is set when it can be used.

    ``<directory>/chain.json`` then describes it (``ChainFile``). The state is kept in ``directory``: the
    next run continues there. It is written a second after a new block at the latest and at the end, so a
    chain that was killed goes back by a second. When this process dies in any manner, anvil ends as well.

    Args:
        directory: created if it is not there; one chain at a time.
        port: on the loopback interface.
        ready: set once the chain file is written.
        cache: where to keep anvil if it has to be fetched (by default ``cache_directory()``).

    Raises:
        ChainError: anvil cannot be fetched or started, or has ended by itself.
    """
    anvil = Anvil(await anvil_program(cache or cache_directory()), directory, port)
    await anvil.start()
    try:
        deployed = await deploy(anvil.rpc)
        write_chain_file(directory / CHAIN_FILE, describe(port, deployed))
        log.info("chain is up", port=port, token=deployed.token, GOLEM_CHAIN_FILE=str(directory / CHAIN_FILE))
        ready.set()
        await _serve(anvil)
    finally:
        await _end(anvil)


def describe(port: int, deployed: Deployed) -> ChainFile:
    """The chain file of an embedded chain."""
    return ChainFile(
        rpc_url=f"http://127.0.0.1:{port}",
        chain_id=CHAIN_ID,
        token=deployed.token,
        multi_transfer=deployed.multi_transfer,
        faucet=FaucetAccount(deployed.deployer),
        most_payments=deployed.most_payments,
        vouchers=deployed.vouchers,
        deposits=deployed.deposits,
    )


async def _serve(anvil: Anvil) -> None:
    saving = asyncio.create_task(_keep_saved(anvil))
    try:
        status = await anvil.wait()
    finally:
        saving.cancel()
        await asyncio.wait({saving})
    raise ChainError(f"anvil, the local chain, has ended with status {status}.")


async def _keep_saved(anvil: Anvil) -> None:
    while True:
        await asyncio.sleep(SAVE_INTERVAL_S)
        try:
            await anvil.save()
        except (ChainError, OSError) as error:
            log.warning("state of the chain not saved", why=str(error))


async def _end(anvil: Anvil) -> None:
    try:
        with contextlib.suppress(ChainError, OSError):
            await asyncio.shield(anvil.save())
    finally:
        await asyncio.shield(anvil.stop())
