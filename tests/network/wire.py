"""A cable between two network namespaces that delays packets and loses some, from a seed.

The kernel's own ``netem`` is not in every kernel; TAP devices are. Arguments: the namespace's file and the
name of the new interface, for both ends; the delay of a packet in milliseconds; the share that is lost.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import random
import selectors
import struct
import sys
import time
from collections import deque

SET_INTERFACE = 0x400454CA  # TUNSETIFF
TAP_WITHOUT_HEADER = 0x0002 | 0x1000
NEW_NETWORK = 0x40000000  # CLONE_NEWNET
FRAME_BYTES = 65536
# As a router's queue: what comes when it is full is lost.
MAX_WAITING = 1000
_libc = ctypes.CDLL(None, use_errno=True)


def tap(namespace: str, name: str) -> int:
    """A new TAP interface in the namespace."""
    with open(namespace) as place:
        if _libc.setns(place.fileno(), NEW_NETWORK):
            raise OSError(ctypes.get_errno(), namespace)
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, SET_INTERFACE, struct.pack("16sH22x", name.encode(), TAP_WITHOUT_HEADER))
    return device


def carry(one: int, other: int, delay_s: float, loss: float) -> None:
    """Carry frames both ways until the process ends."""
    chance = random.Random(1)
    waiting: dict[int, deque[tuple[float, bytes]]] = {one: deque(), other: deque()}
    selector = selectors.DefaultSelector()
    for source, target in ((one, other), (other, one)):
        selector.register(source, selectors.EVENT_READ, target)
    while True:
        due = min((queue[0][0] for queue in waiting.values() if queue), default=None)
        timeout = None if due is None else max(due - time.monotonic(), 0)
        for key, _ in selector.select(timeout):
            take(key.fd, waiting[key.data], delay_s, loss, chance)
        for target, queue in waiting.items():
            deliver(target, queue)


def take(
    source: int, queue: deque[tuple[float, bytes]], delay_s: float, loss: float, chance: random.Random
) -> None:
    """Take in what ``source`` has."""
    while True:
        try:
            frame = os.read(source, FRAME_BYTES)
        except BlockingIOError:
            return
        if chance.random() >= loss and len(queue) < MAX_WAITING:
            queue.append((time.monotonic() + delay_s, frame))


def deliver(target: int, queue: deque[tuple[float, bytes]]) -> None:
    """Give out what is due; an interface that is not up loses it."""
    while queue and queue[0][0] <= time.monotonic():
        try:
            os.write(target, queue.popleft()[1])
        except OSError:
            continue


if __name__ == "__main__":
    first_place, first_name, second_place, second_name, delay, share = sys.argv[1:]
    ends = tap(first_place, first_name), tap(second_place, second_name)
    print("ready", flush=True)
    carry(*ends, float(delay) / 1000, float(share))
