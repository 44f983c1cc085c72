"""The program that enters a network namespace, opens what it is asked for, and hands it back.

``python -m golemnet.runtime.inside_namespace CHANNEL make [USER]`` or ``CHANNEL join USER NETWORK WHAT ...``:
the first three are open descriptors; CHANNEL is a unix socket, on which the answer is sent as descriptors. It
starts often, so it imports little. The calls' numbers come from ``linux/sockios.h`` and ``linux/if_tun.h``.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import struct
import sys
from collections.abc import Callable
from typing import Final

from golemnet.runtime import kernel

TUN: Final = "/dev/net/tun"
BACKLOG: Final = 128
DNS_PORT: Final = 53
_TUNSETIFF: Final = 0x400454CA
_IFF_TUN: Final = 0x0001
_IFF_NO_PI: Final = 0x1000
_SIOCGIFFLAGS: Final = 0x8913
_SIOCSIFFLAGS: Final = 0x8914
_SIOCSIFADDR: Final = 0x8916
_SIOCSIFNETMASK: Final = 0x891C
_SIOCSIFMTU: Final = 0x8922
_IFF_UP: Final = 1
_REQUEST_BYTES: Final = 40


def main() -> None:
    """Do what the command line says; what fails is written to the standard error."""
    channel, mode, *rest = sys.argv[1:]
    try:
        descriptors = _make(*rest) if mode == "make" else _join(*rest)
    except OSError as error:
        sys.exit(f"{error.filename or 'the kernel'}: {error.strerror}")
    with socket.socket(fileno=int(channel)) as answer:
        socket.send_fds(answer, [b"."], descriptors)


def _make(user: str = "") -> list[int]:
    if user:
        kernel.enter_namespace(int(user), kernel.CLONE_NEWUSER)
        kernel.unshare(kernel.CLONE_NEWNET)
    else:
        _make_with_own_user()
    _prepare()
    return [os.open(f"/proc/self/ns/{kind}", os.O_RDONLY) for kind in ("user", "net")]


def _make_with_own_user() -> None:
    user, group = os.geteuid(), os.getegid()
    kernel.unshare(kernel.CLONE_NEWUSER | kernel.CLONE_NEWNET)
    # a plain user may map its own ids alone, and only after it has given up changing its groups
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{user} {user} 1"),
        ("gid_map", f"{group} {group} 1"),
    ):
        _write(f"/proc/self/{name}", text)


def _join(user: str, network: str, what: str, *arguments: str) -> list[int]:
    kernel.enter_namespace(int(user), kernel.CLONE_NEWUSER)
    kernel.enter_namespace(int(network), kernel.CLONE_NEWNET)
    return _ACTIONS[what](*arguments)


def _prepare() -> list[int]:
    _bring_up("lo")
    # whoever is alone in a network may have its low ports; where the kernel's settings are out of reach,
    # only these are missing
    with contextlib.suppress(OSError):
        _write("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0")
    _let_ping()
    return []


def _let_ping() -> None:
    """By sockets that need no right; the groups must be such that the namespace has."""
    group = os.getegid()
    for groups in ("0 65535", f"{group} {group}"):
        with contextlib.suppress(OSError):
            _write("/proc/sys/net/ipv4/ping_group_range", groups)
            return


def _tun(name: str, ip: str, mask: str, mtu: str) -> list[int]:
    tun = os.open(TUN, os.O_RDWR)
    fcntl.ioctl(tun, _TUNSETIFF, _request(name, struct.pack("H", _IFF_TUN | _IFF_NO_PI)))
    _configure(_SIOCSIFMTU, name, struct.pack("i", int(mtu)))
    _address(name, ip, mask)
    _bring_up(name)
    return [tun]


def _address(name: str, ip: str, mask: str) -> list[int]:
    for call, address in ((_SIOCSIFADDR, ip), (_SIOCSIFNETMASK, mask)):
        _configure(call, name, struct.pack("HH4s", socket.AF_INET, 0, socket.inet_aton(address)))
    return []


def _sockets(count: str) -> list[int]:
    return [socket.socket(socket.AF_INET, socket.SOCK_STREAM).detach() for _ in range(int(count))]


def _listen(host: str, port: str) -> list[int]:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((host, int(port)))
    listening.listen(BACKLOG)
    return [listening.detach()]


def _servers(ip: str, mask: str, *places: str) -> list[int]:
    """A range whose every address is this network's own, and sockets at addresses of it."""
    _address("lo:1", ip, mask)
    receiving = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiving.bind((ip, DNS_PORT))
    listening = [_listen(*place.split(":")) for place in places]
    return [receiving.detach(), *(descriptor for each in listening for descriptor in each)]


_ACTIONS: Final[dict[str, Callable[..., list[int]]]] = {
    "prepare": _prepare,
    "tun": _tun,
    "address": _address,
    "sockets": _sockets,
    "listen": _listen,
    "servers": _servers,
}


def _bring_up(name: str) -> None:
    answer = _configure(_SIOCGIFFLAGS, name, b"")
    (flags,) = struct.unpack_from("H", answer, 16)
    _configure(_SIOCSIFFLAGS, name, struct.pack("H", flags | _IFF_UP))


def _configure(call: int, name: str, value: bytes) -> bytes:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        return fcntl.ioctl(any_socket, call, _request(name, value))


def _request(name: str, value: bytes) -> bytes:
    """A ``struct ifreq``."""
    return struct.pack("16s", name.encode()) + value.ljust(_REQUEST_BYTES - 16, b"\0")


def _write(path: str, text: str) -> None:
    with open(path, "wb") as file:
        file.write(text.encode())


if __name__ == "__main__":
    main()
