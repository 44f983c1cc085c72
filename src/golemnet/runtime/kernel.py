"""The few Linux calls that Python 3.11 does not offer, by ctypes. Each raises OSError.

Numbers and structures as in the kernel's headers (``linux/mount.h``, ``linux/openat2.h``,
``linux/sched.h``); the numbers of the calls made by number are equal on x86-64 and arm64.
"""

from __future__ import annotations

import ctypes
import os
import signal
from typing import Final

CLONE_NEWNS: Final = 0x00020000
CLONE_NEWUSER: Final = 0x10000000
CLONE_NEWPID: Final = 0x20000000
CLONE_NEWNET: Final = 0x40000000
MS_NOSUID: Final = 2
MS_NODEV: Final = 4
MS_NOEXEC: Final = 8
MS_BIND: Final = 4096
MS_REC: Final = 16384
MS_PRIVATE: Final = 1 << 18
MNT_DETACH: Final = 2

RESOLVE_NO_MAGICLINKS: Final = 0x02
RESOLVE_IN_ROOT: Final = 0x10

_SYS_OPEN_TREE: Final = 428
_SYS_MOVE_MOUNT: Final = 429
_SYS_OPENAT2: Final = 437
_SYS_MOUNT_SETATTR: Final = 442
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_CHILD_SUBREAPER: Final = 36
_AT_FDCWD: Final = -100
_AT_EMPTY_PATH: Final = 0x1000
_OPEN_TREE_CLONE: Final = 1
_MOUNT_ATTR_IDMAP: Final = 0x00100000
_MOVE_MOUNT_F_EMPTY_PATH: Final = 4

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


class _MountAttr(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("attr_set", "attr_clr", "propagation", "userns_fd")]


class _OpenHow(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("flags", "mode", "resolve")]


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)
    return result


def unshare(flags: int) -> None:
    """Leave the namespaces that ``flags`` name."""
    _checked(_libc.unshare(flags), "unshare")


def enter_namespace(descriptor: int, kind: int) -> None:
    """setns(2): go on in the namespace of an open file of ``/proc/<id>/ns``; ``kind`` is its CLONE flag."""
    _checked(_libc.setns(descriptor, kind), "setns")


def mount(source: str, target: str, kind: str, flags: int = 0, options: str = "") -> None:
    """mount(2)."""
    arguments = [text.encode() for text in (source, target, kind)]
    _checked(_libc.mount(*arguments, ctypes.c_ulong(flags), options.encode()), f"mount {kind} {target}")


def unmount(target: str, flags: int = MNT_DETACH) -> None:
    """umount2(2), lazily by default."""
    _checked(_libc.umount2(target.encode(), flags), f"unmount {target}")


def die_with_parent(signal_number: signal.Signals) -> None:
    """Have this process signalled when the thread that started it ends."""
    _checked(_libc.prctl(_PR_SET_PDEATHSIG, int(signal_number), 0, 0, 0), "prctl")


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parents end before them."""
    _checked(_libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl")


def open_inside(root: int, path: str, flags: int, mode: int = 0) -> int:
    """Open ``path`` with the open folder ``root`` as its file-system root; no link leads out of it."""
    how = _OpenHow(flags | os.O_CLOEXEC, mode, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)
    arguments = (root, os.fsencode(path), ctypes.byref(how), ctypes.c_size_t(ctypes.sizeof(how)))
    return _checked(_libc.syscall(_SYS_OPENAT2, *arguments), path)


def mount_with_ids(source: str, target: str, user_namespace: int) -> None:
    """Mount the tree ``source`` at ``target`` with its owners shifted as the user namespace maps them."""
    tree = _checked(_libc.syscall(_SYS_OPEN_TREE, _AT_FDCWD, source.encode(), _OPEN_TREE_CLONE), source)
    try:
        attributes = _MountAttr(_MOUNT_ATTR_IDMAP, 0, 0, user_namespace)
        size = ctypes.c_size_t(ctypes.sizeof(attributes))
        arguments = (tree, b"", _AT_EMPTY_PATH, ctypes.byref(attributes), size)
        _checked(_libc.syscall(_SYS_MOUNT_SETATTR, *arguments), f"idmap {source}")
        place = (tree, b"", _AT_FDCWD, target.encode(), _MOVE_MOUNT_F_EMPTY_PATH)
        _checked(_libc.syscall(_SYS_MOVE_MOUNT, *place), target)
    finally:
        os.close(tree)


def open_user_namespace(first_host_id: int, count: int) -> int:
    """A file descriptor of a new user namespace that maps 0.. to ``first_host_id``.. (needs root)."""
    ready, release = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        _hold_user_namespace(ready[1], release)
    try:
        os.close(ready[1])
        if os.read(ready[0], 1) != b"1":
            raise OSError("the kernel refuses user namespaces")
        return _map_and_open(child, f"0 {first_host_id} {count}\n")
    finally:
        for descriptor in (ready[0], *release):
            os.close(descriptor)
        os.waitpid(child, 0)


def _hold_user_namespace(ready: int, release: tuple[int, int]) -> None:
    """In the forked child: enter a namespace, say so, live until the parent closes the pipe."""
    try:
        os.close(release[1])
        unshare(CLONE_NEWUSER)
        os.write(ready, b"1")
        os.read(release[0], 1)
    finally:
        os._exit(0)


def _map_and_open(child: int, mapping: str) -> int:
    for name in ("uid_map", "gid_map"):
        with open(f"/proc/{child}/{name}", "w", encoding="ascii") as file:
            file.write(mapping)
    return os.open(f"/proc/{child}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
