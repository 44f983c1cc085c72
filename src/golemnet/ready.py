"""Telling whoever started a program that it is ready: the protocol of systemd's ``sd_notify(3)``.

The starter names a datagram socket in ``NOTIFY_SOCKET``; without one nothing happens. The same programs
therefore work as units of ``Type=notify`` and in the local network, and nobody has to poll.
"""

from __future__ import annotations

import os
import socket

READY = b"READY=1"


def announce_ready() -> None:
    """Tell the starter, if it wants to know, that this program can be used now."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
        try:
            out.sendto(READY, address)
        except OSError:
            # Nobody waits any more.
            return
