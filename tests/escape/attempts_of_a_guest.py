"""From within a virtual machine whose kernel is the attacker's: root there may do everything, there.

So only what reaches out of the machine has come through. Some of these attempts are judged by the host.
"""

from __future__ import annotations

import contextlib
import os
import stat
import time
from pathlib import Path

from attempting import CONTEXT, all_held, attempt

WORK = "/golem/work"
OLD_ROOT = "/tmp/machine"
FLOOD_S = 1.0


def leave_the_root() -> None:
    """A process that may change its root is outside as soon as its working folder is."""
    os.makedirs(OLD_ROOT, exist_ok=True)
    os.chroot(OLD_ROOT)
    for _ in range(40):
        os.chdir("..")
    os.chroot(".")


def secrets_below(folder: str) -> str | None:
    """Files of the host that can be seen; what the machine is made of is not the host."""
    for place, folders, names in os.walk(folder):
        if place == folder:
            folders[:] = [name for name in folders if name not in ("proc", "sys", "root", "image", "disk")]
        if CONTEXT["secret_name"] in (*folders, *names):
            return f"{place}/{CONTEXT['secret_name']}"
    path = f"{folder}/{CONTEXT['host_file']}"
    return path if os.path.exists(path) else None


@attempt
def own_the_kernel_of_the_guest() -> str | None:
    """Not a way through: this machine must be the attacker's, or the others prove nothing."""
    leave_the_root()
    found = {"bin", "init", "modules", "volumes"} <= set(os.listdir("/"))
    return None if found else f"there is only {os.listdir('/')}"


@attempt
def find_the_host_around_the_machine() -> str | None:
    leave_the_root()
    return secrets_below("/")


@attempt
def see_more_of_the_host_than_the_volumes() -> str | None:
    """By what is shared, and by what is above it."""
    leave_the_root()

    def strange(folder: str) -> str | None:
        return ", ".join(sorted(set(os.listdir(folder)) - {"vol-0", "vol-1"})) or None

    def linked() -> str | None:
        os.symlink("..", "/volumes/vol-0/above")
        return strange("/volumes/vol-0/above")

    return all_held(lambda: strange("/volumes"), linked, lambda: strange("/volumes/vol-0/../../volumes"))


@attempt
def leave_devices_and_rights_in_the_volume() -> str | None:
    """The host looks for what became of them."""
    for number, (kind, device) in enumerate(((stat.S_IFBLK, (7, 0)), (stat.S_IFCHR, (1, 1)))):
        with contextlib.suppress(OSError):
            os.mknod(f"{WORK}/device{number}", kind | 0o666, os.makedev(*device))
    with open(f"{WORK}/rights", "wb") as file:
        file.write(b"#!/bin/sh\n")
    for change in (lambda: os.chown(file.name, 0, 0), lambda: os.chmod(file.name, 0o6777)):
        with contextlib.suppress(OSError):
            change()
    with contextlib.suppress(OSError):
        os.setxattr(
            file.name, "security.capability", bytes.fromhex("0000000200200000000000000000000000000000")
        )
    return None


@attempt
def leave_links_and_odd_files_in_the_volume() -> str | None:
    """The host follows them if it is careless."""
    target = CONTEXT["host_file"]
    for number, to in enumerate(
        (target, "../" * 30 + target[1:], "/proc/self/root" + target, "/proc/self/fd/0")
    ):
        os.symlink(to, f"{WORK}/link{number}")
    os.symlink(CONTEXT["home"], f"{WORK}/folder")
    os.mkfifo(f"{WORK}/pipe")
    return None


@attempt
def fill_the_console() -> str | None:
    """It is a file of the host; how large it is, is looked at there."""
    leave_the_root()
    until, block = time.monotonic() + FLOOD_S, b"x" * 4096
    console = os.open("/dev/ttyS0", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
    while time.monotonic() < until:
        with contextlib.suppress(BlockingIOError):
            os.write(console, block)
    return None


def say_nonsense() -> None:
    """By all ways on which the host listens, which has believed the machine until now."""
    leave_the_root()
    lies = (
        "ready",
        "ended 0 1 2",
        "began 1",
        "ended x",
        "usage 99999999999999999999",
        "usage -1",
        "usage",
        "",
    )
    words = ("\n".join(lies).encode() + b"\0\xff\n") * 50
    ports = [f"/dev/{name}" for name in os.listdir("/dev") if name.startswith("vport")]
    for port in ports:
        # one that is in use is open to one process alone
        with contextlib.suppress(OSError):
            talk = os.open(port, os.O_WRONLY | os.O_NONBLOCK)
            for junk in (words, b"\x1e" * 100_000, os.urandom(1 << 16), b"x" * (1 << 20)):
                with contextlib.suppress(OSError):
                    os.write(talk, junk)


def switch_off() -> None:
    """Without a word to anybody."""
    leave_the_root()
    Path("/proc/sysrq-trigger").write_text("b")
