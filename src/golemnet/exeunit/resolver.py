"""The name server of an activity: answers at a socket of its network, and not faster than anybody needs."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Final

from golemnet.exeunit import dns
from golemnet.exeunit.pace import Pace

AT_ONCE: Final = 64
A_SECOND: Final = 1000.0
PAUSE_S: Final = 0.05


class Resolver:
    """Answers until it is closed.

    After ``AT_ONCE`` questions, and ``A_SECOND`` more for each second, it rests: their sender pays for
    sending with the activity's processor, but answers cost the machine's. What comes meanwhile waits in the
    socket, and is dropped if it is too much.
    """

    def __init__(self, receiving: socket.socket, lookup: dns.Lookup) -> None:
        self._socket = receiving
        self._lookup = lookup
        self._loop = asyncio.get_running_loop()
        self._pace = Pace(AT_ONCE - 1, A_SECOND)
        self._rest: asyncio.TimerHandle | None = None
        self._listen()

    def close(self) -> None:
        """Answer no more; safe to repeat."""
        if self._rest is not None:
            self._rest.cancel()
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket)
        self._socket.close()

    def _listen(self) -> None:
        self._loop.add_reader(self._socket, self._read)

    def _read(self) -> None:
        must_rest = False
        while not must_rest:
            try:
                question, asker = self._socket.recvfrom(dns.MAX_QUESTION_BYTES + 1)
            except OSError:
                return
            if (reply := dns.answer(question, self._lookup)) is not None:
                with contextlib.suppress(OSError):
                    self._socket.sendto(reply, asker)
            must_rest = self._pace.take() > 0
        self._loop.remove_reader(self._socket)
        self._rest = self._loop.call_later(PAUSE_S, self._listen)
