"""``golem registry``: the image registry."""

from __future__ import annotations

import asyncio
from pathlib import Path

from cyclopts import App

DEFAULT_DIRECTORY = Path("~/.local/share/golemnet/registry")
DEFAULT_PORT = 8000

app = App(name="registry", help="Give out images by hash and by tag.")


@app.command
def run(
    directory: Path = DEFAULT_DIRECTORY,
    *,
    host: str = "127.0.0.1",
    port: int = DEFAULT_PORT,
    public_url: str | None = None,
    ready_made: bool = False,
) -> None:
    """Serve the images in a directory until SIGTERM or Ctrl-C.

    Who uploads (`gvmkit-build --push`) presents the token in GOLEM_REGISTRY_TOKEN; without one nobody can.

    Args:
        directory: where the images are.
        host: the address to listen at; 0.0.0.0 for everybody.
        port: the port to listen at.
        public_url: how clients reach the registry if not by the name they call it.
        ready_made: give out the images that this machine has built for `golem run` and its like, too.
    """
    import os

    from golemnet.cli.services import run_service
    from golemnet.image.ready_made import adopt_ready_made
    from golemnet.image.recipes import cache_directory
    from golemnet.image.registry import Registry

    registry = Registry(directory.expanduser(), os.environ.get("GOLEM_REGISTRY_TOKEN"), public_url)
    if ready_made:
        adopt_ready_made(registry.store, cache_directory())

    async def serve(ready: asyncio.Event) -> None:
        await registry.run(host, port, ready)

    run_service(serve)
