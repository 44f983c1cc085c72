"""Addresses of hosts, as this machine resolves names, which are strangers' here: a few at a time.

The system's resolver blocks for as long as a name server likes to be slow. So it is asked in threads that do
nothing else, and that the end of the process does not wait for.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Sequence
from typing import Final

MAX_AT_ONCE: Final = 8
MAX_ADDRESSES: Final = 16

Address = tuple[str, int]


class HostNames:
    """Resolves names; of a host with very many addresses it tells the first."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(MAX_AT_ONCE)

    async def resolve(self, host: str, port: int) -> Sequence[Address]:
        """The addresses of a host, each with the port. Raises OSError."""
        await self._free.acquire()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Sequence[Address]] = loop.create_future()

        def ask() -> None:
            found = _found(host, port)
            # the loop may have ended meanwhile
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._tell, answer, found)

        threading.Thread(target=ask, name=f"resolve-{host}", daemon=True).start()
        return await answer

    def _tell(self, answer: asyncio.Future[Sequence[Address]], found: Sequence[Address] | OSError) -> None:
        """The place is free only now, though nobody may have waited so long."""
        self._free.release()
        if answer.done():
            return
        if isinstance(found, OSError):
            answer.set_exception(found)
        else:
            answer.set_result(found)


def _found(host: str, port: int) -> Sequence[Address] | OSError:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        return error
    except UnicodeError:
        return OSError(f"{host} is no name")
    return [(str(address[0]), int(address[1])) for *_, address in found[:MAX_ADDRESSES]]
