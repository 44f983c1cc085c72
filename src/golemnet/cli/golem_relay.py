"""``golem relay``: a relay for nodes that cannot reach each other directly."""

from __future__ import annotations

import asyncio

from cyclopts import App

DEFAULT_PORT = 7466

app = App(name="relay", help="Hand on messages between nodes behind address translators.")


@app.command
def run(
    *, host: str = "0.0.0.0", port: int = DEFAULT_PORT, clients: int = 2000, mib_a_second: int = 32
) -> None:
    """Run a relay until SIGTERM or Ctrl-C; nodes name it as http://HOST:PORT in GOLEM_NET_RELAYS.

    It sees who sends to whom, and how much. What is sent is encrypted from node to node.

    Args:
        host: the address to listen at.
        port: the TCP port to listen at.
        clients: how many nodes may be connected.
        mib_a_second: what each of them may send.
    """
    from golemnet.cli.services import run_service
    from golemnet.net.relay.server import Relay

    relay = Relay(clients, mib_a_second * 1024 * 1024)

    async def serve(ready: asyncio.Event) -> None:
        await relay.run(host, port, ready)

    run_service(serve)
