"""The daemon as a process: its lock, its event loop, its signals, and its last words."""

from __future__ import annotations

import asyncio
import os
import signal

import structlog

from golemnet.daemon.lock import exclusive
from golemnet.daemon.memory import settle
from golemnet.daemon.node import Node
from golemnet.daemon.settings import Settings
from golemnet.errors import GolemError
from golemnet.ready import announce_ready, take_starter

# Nobody else reads what this process writes: keys, application keys, agreements.
PRIVATE = 0o077
CHAIN_HINT = "Set GOLEM_CHAIN_FILE; `golem chain run` starts a chain."

log = structlog.get_logger(__name__)


def run_daemon(settings: Settings) -> None:
    """Run a node until SIGTERM or SIGINT.

    Raises:
        GolemError: it could not start, or a part of it failed in a way that a person can mend.
    """
    os.umask(PRIVATE)
    with exclusive(settings.data_dir):
        try:
            _run(settings)
        except* GolemError as group:
            raise _first(group) from None


def _run(settings: Settings) -> None:
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_main(settings))


async def _main(settings: Settings) -> None:
    node = Node(settings)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, node.stop)
    announcement = asyncio.create_task(_announce(node, take_starter()))
    try:
        await node.run()
    finally:
        announcement.cancel()
    log.info("yagna has stopped", node_id=node.key.node_id)


async def _announce(node: Node, starter: str | None) -> None:
    await node.ready.wait()
    settle()
    announce_ready(starter)
    log.info(
        "yagna is ready",
        api_url=node.api_url,
        node_id=node.key.node_id,
        net_address=node.net_address or "none",
    )
    if node.settings.chain_file is None:
        log.warning("no chain is configured: payments are refused", next_step=CHAIN_HINT)


def _first(group: BaseExceptionGroup[GolemError]) -> GolemError:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, GolemError)
    return error
