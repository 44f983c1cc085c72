"""``golem serve``: a web service on other people's machines, until Ctrl-C."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from golemnet.cli.golem_work import USUAL, Terms, golem_for
from golemnet.errors import GolemError


def serve(
    *command: Annotated[str, Parameter(allow_leading_hyphen=True)],
    port: Annotated[int, Parameter(name=["--port", "-p"])],
    instances: Annotated[int, Parameter(name=["--instances", "-n"])] = 1,
    listen: int = 0,
    health: str | None = None,
    file: Annotated[list[Path] | None, Parameter(name=["--file", "-f"], negative="")] = None,
    terms: Terms = USUAL,
) -> None:
    """Run a server on other machines: golem serve --port 8000 -- python3 -m http.server 8000.

    Its address on this machine is printed once one instance is ready; requests go in turn to those that are.
    An instance that ends or is not healthy is replaced. Ctrl-C lets open requests be answered, ends
    everything and pays.

    Args:
        command: a program and its arguments; a single text is a shell command.
        port: where the command listens.
        instances: at how many machines.
        listen: the port of this machine; any that is free by default.
        health: a path that a healthy instance answers; by default it has to take connections.
        file: a file to send; may be given more than once.
        terms: what is bought.
    """
    if not command:
        raise GolemError(
            "There is no command.", next_step="golem serve --port 8000 -- python3 -m http.server 8000"
        )
    asyncio.run(_serve(command, port, instances, listen, health, file or [], terms))


async def _serve(
    command: tuple[str, ...],
    port: int,
    instances: int,
    listen: int,
    health: str | None,
    files: list[Path],
    terms: Terms,
) -> None:
    from golemnet.sdk.health import http, tcp

    async with (
        golem_for(terms, instances, None) as golem,
        golem.service(
            command[0] if len(command) == 1 else command,
            port=port,
            instances=instances,
            ready=1,
            healthy=tcp() if health is None else http(health),
            files=files,
            listen=listen,
        ) as service,
    ):
        print(service.url, flush=True)
        await service.wait()
