"""``golem chain``: an Ethereum chain for a network of one's own."""

from __future__ import annotations

import asyncio
from pathlib import Path

from cyclopts import App

DEFAULT_DIRECTORY = Path("~/.local/share/golemnet/chain")
DEFAULT_PORT = 8545

app = App(name="chain", help="Run an Ethereum chain with a token and a faucet, for tests.")


@app.command
def run(directory: Path = DEFAULT_DIRECTORY, *, port: int = DEFAULT_PORT) -> None:
    """Run the chain until SIGTERM or Ctrl-C; its chain.json is what GOLEM_CHAIN_FILE names.

    Args:
        directory: where its state is.
        port: where it answers, on the loopback interface.
    """
    from golemnet.chain.embedded import run_embedded_chain
    from golemnet.cli.services import run_service

    state = directory.expanduser()

    async def serve(ready: asyncio.Event) -> None:
        await run_embedded_chain(state, port, ready)

    run_service(serve)
