"""Free ports of the loopback interface."""

from __future__ import annotations

import socket
from contextlib import ExitStack

HOST = "127.0.0.1"


def free_ports(count: int, kind: socket.SocketKind = socket.SOCK_STREAM) -> list[int]:
    """``count`` different ports that nobody uses now, for TCP or (``SOCK_DGRAM``) UDP."""
    with ExitStack() as stack:
        # All are open at the same time, so that no port comes twice.
        opened = [stack.enter_context(socket.socket(socket.AF_INET, kind)) for _ in range(count)]
        for each in opened:
            each.bind((HOST, 0))
        return [each.getsockname()[1] for each in opened]
