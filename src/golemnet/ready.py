"""Telling whoever started a program that it is ready: the protocol of systemd's ``sd_notify(3)``.

The starter names a datagram socket in ``NOTIFY_SOCKET``; without one nothing happens. The same programs
therefore work as units of ``Type=notify`` and in the local network, and nobody has to poll.
"""

from __future__ import annotations

import os
import socket

READY = b"READY=1"


def take_starter() -> str | None:
    """Who wants to know, taken out of the environment.

    It is ours alone: a program that we start (crun is one) would take the word for its own.
    """
    return os.environ.pop("NOTIFY_SOCKET", None)


def announce_ready(starter: str | None) -> None:
    """Tell the starter, if there is one, that this program can be used now."""
    if not starter:
        return
    address = "\0" + starter[1:] if starter.startswith("@") else starter
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
        try:
            out.sendto(READY, address)
        except OSError:
            # Nobody waits any more.
            return
