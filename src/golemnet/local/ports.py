"""Free ports of the loopback interface."""

from __future__ import annotations

import random
import socket
from contextlib import ExitStack
from itertools import islice

from golemnet.errors import GolemError

HOST = "127.0.0.1"
# Below those that systems give to outgoing connections: such a one could take a port before its program does.
PORTS = range(15_000, 32_000)


def free_ports(count: int, kind: socket.SocketKind = socket.SOCK_STREAM) -> list[int]:
    """``count`` different ports that nobody uses now, for TCP or (``SOCK_DGRAM``) UDP.

    Raises:
        GolemError: there are not so many.
    """
    # In an order of chance: networks that start at the same time shall not want the same ones.
    candidates = random.sample(PORTS, len(PORTS))
    with ExitStack() as stack:
        # All stay open to the end, so that what was free is free still.
        free = (port for port in candidates if _take(stack, kind, port))
        found = list(islice(free, count))
    if len(found) < count:
        raise GolemError(f"There are no {count} free ports from {PORTS.start} to {PORTS.stop - 1}.")
    return found


def _take(stack: ExitStack, kind: socket.SocketKind, port: int) -> bool:
    opened = stack.enter_context(socket.socket(socket.AF_INET, kind))
    try:
        opened.bind((HOST, port))
    except OSError:
        return False
    return True
