"""Namespaces that no process has to stay in: open descriptors hold them, and processes enter them by these.

A copy of this process goes in, does what is to be done there, hands the descriptors over and ends: copying
takes a millisecond, where a new Python would take forty.
"""

from __future__ import annotations

import errno
import os
import platform
import re
import signal
import socket
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Final, NoReturn

from golemnet.runtime import commands, kernel

TIMEOUT_S: Final = 20.0
MAX_ANSWER_BYTES: Final = 4096
KINDS: Final = ("user", "mnt")
_OPTIONS: Final = {"user": "--user", "mnt": "--mount", "net": "--net"}


def make(inside: Callable[[], None]) -> dict[str, int]:
    """Descriptors of a new user namespace and of a mount namespace of it, by kind; it blocks.

    ``inside`` is called there, in a copy of this process, in which no other thread runs. Who we are does not
    change, and root keeps everybody's ids. What the kernel refuses, or ``inside``, is an OSError.
    """
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(TIMEOUT_S)
        child = os.fork()
        if child == 0:
            ours.close()
            _be_inside(theirs, inside)
        theirs.close()
        try:
            _hear(ours)
            _map_ids(child)
            ours.send(b".")
            places = _hear(ours)
            if len(places) < len(KINDS):
                raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
            return dict(zip(KINDS, places, strict=True))
        finally:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def entering(namespaces: Mapping[str, int]) -> list[str]:
    """What stands before the command line of a child to run it inside; it inherits no descriptor."""
    ours = f"/proc/{os.getpid()}/fd"
    places = [f"{_OPTIONS[kind]}={ours}/{place}" for kind, place in namespaces.items()]
    return [commands.find("nsenter", "util-linux"), "--preserve-credentials", *places, "--"]


@cache
def count_processes() -> bool:
    """Whether a user's processes are counted anew in each user namespace: since Linux 5.14."""
    version = tuple(int(number) for number in re.findall(r"\d+", platform.release())[:2])
    return version >= (5, 14)


def _hear(child: socket.socket) -> list[int]:
    """The descriptors that it sends. Raises OSError as it was raised there."""
    said, descriptors, _, _ = socket.recv_fds(child, MAX_ANSWER_BYTES, len(KINDS), socket.MSG_CMSG_CLOEXEC)
    if said == b".":
        return descriptors
    number, _, reason = said.decode(errors="replace").partition(" ")
    raise OSError(int(number or errno.EIO), reason or "it ended without a word")


def _map_ids(child: int) -> None:
    """A plain user may map its own ids alone, and only after it has given up changing its groups."""
    for kind, own in (("uid", os.geteuid()), ("gid", os.getegid())):
        if os.geteuid() == 0:
            ranges = [line.split() for line in Path(f"/proc/self/{kind}_map").read_text().splitlines()]
        else:
            Path(f"/proc/{child}/setgroups").write_text("deny")
            ranges = [[str(own), str(own), "1"]]
        lines = [f"{first} {first} {count}\n" for first, _, count in ranges]
        Path(f"/proc/{child}/{kind}_map").write_text("".join(lines))


def _be_inside(parent: socket.socket, inside: Callable[[], None]) -> NoReturn:
    """In the copy: it has no way back, whatever happens."""
    try:
        kernel.unshare(kernel.CLONE_NEWUSER | kernel.CLONE_NEWNS)
        parent.send(b".")
        if parent.recv(1):
            inside()
            places = [os.open(f"/proc/self/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC) for kind in KINDS]
            socket.send_fds(parent, [b"."], places)
    except OSError as error:
        reason = f"{error.errno or errno.EIO} {error.filename or ''}: {error.strerror}"
        parent.send(reason.encode()[:MAX_ANSWER_BYTES])
    finally:
        os._exit(0)
