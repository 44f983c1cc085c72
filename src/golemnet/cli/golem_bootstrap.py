"""``golem bootstrap``: a node that others join by, and that does nothing else."""

from __future__ import annotations

import asyncio
from pathlib import Path

from cyclopts import App

DEFAULT_DIRECTORY = Path("~/.local/share/golemnet/bootstrap")
DEFAULT_BIND = "0.0.0.0:7464"
DEFAULT_RELAY_PORT = 7464

app = App(name="bootstrap", help="Run the node that others join a network by.")


@app.command
def run(
    directory: Path = DEFAULT_DIRECTORY,
    *,
    bind: str = DEFAULT_BIND,
    join: str = "",
    relay: bool = True,
    relay_port: int = DEFAULT_RELAY_PORT,
    public_host: str | None = None,
) -> None:
    """Run a bootstrap node until SIGTERM or Ctrl-C; its first line says what GOLEM_NET_BOOTSTRAP has to name.

    It tells nodes of each other, hands on offers, and relays for those who cannot reach each other directly.

    Args:
        directory: where its key is.
        bind: the UDP address of the node-to-node network.
        join: other bootstrap nodes, separated by commas.
        relay: serve as a relay too.
        relay_port: the TCP port of the relay.
        public_host: the name or address by which others reach this machine; found out if not given.
    """
    from golemnet.cli.services import run_service
    from golemnet.daemon.bootstrap import BootstrapNode

    node = BootstrapNode(
        directory.expanduser(),
        bind=bind,
        bootstrap=[each for each in join.split(",") if each],
        relay_port=relay_port if relay else None,
        public_host=public_host,
    )

    async def serve(ready: asyncio.Event) -> None:
        running = asyncio.create_task(node.run(ready))
        announcing = asyncio.create_task(ready.wait())
        await asyncio.wait({running, announcing}, return_when=asyncio.FIRST_COMPLETED)
        if ready.is_set():
            print(f"GOLEM_NET_BOOTSTRAP={node.address}", flush=True)
        announcing.cancel()
        await running

    run_service(serve)
