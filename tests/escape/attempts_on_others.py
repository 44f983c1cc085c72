"""The network, and what host and neighbours have."""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
from pathlib import Path

from attempting import CONTEXT, all_held, attempt, checked, libc

# -- network -------------------------------------------------------------------------------------------------


@attempt
def reach_the_host_and_its_daemon() -> str | None:
    def reach(address: str) -> str:
        socket.create_connection((address, CONTEXT["daemon_port"]), 1).close()
        return f"{address} was reached"

    return all_held(*(lambda to=to: reach(to) for to in CONTEXT["addresses"]))


@attempt
def reach_the_internet() -> str | None:
    def ask(kind: int) -> str:
        with socket.socket(socket.AF_INET, kind) as talk:
            talk.settimeout(1)
            talk.connect(("1.1.1.1", 53))
            return "1.1.1.1 was reached"

    return all_held(lambda: ask(socket.SOCK_STREAM), lambda: ask(socket.SOCK_DGRAM))


@attempt
def reach_sockets_of_the_host_without_a_path() -> str | None:
    with socket.socket(socket.AF_UNIX) as talk:
        talk.connect("\0" + CONTEXT["abstract"])
        return "an abstract socket of the host was reached"


@attempt
def reach_a_neighbour() -> str | None:
    def by_path() -> str:
        with socket.socket(socket.AF_UNIX) as talk:
            talk.connect("\0" + CONTEXT["neighbour_socket"])
            return "an abstract socket of the neighbour was reached"

    def by_port() -> str:
        socket.create_connection(("127.0.0.1", CONTEXT["neighbour_port"]), 1).close()
        return "a port of the neighbour was reached"

    return all_held(by_path, by_port)


@attempt
def open_sockets_of_other_families() -> str | None:
    def open_socket(family: int, kind: int, protocol: int = 0) -> str:
        socket.socket(family, kind, protocol).close()
        return f"a socket of family {family}, kind {kind}"

    families = (15, 17, 38, 40, 44)  # key, packet, alg, vsock, xdp
    return all_held(
        *(lambda family=family: open_socket(family, socket.SOCK_RAW) for family in families),
        *(lambda family=family: open_socket(family, socket.SOCK_STREAM) for family in families),
        lambda: open_socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP),
    )


@attempt
def make_a_network_device() -> str | None:
    """A netlink message that asks for a dummy device."""
    attribute = struct.pack("<HH", 9, 18) + struct.pack("<HH", 10, 1) + b"dummy\0\0\0" + bytes(2)
    body = struct.pack("<BxHiII", 0, 0, 0, 0, 0) + attribute
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as talk:
        talk.settimeout(2)
        talk.send(struct.pack("<IHHII", 16 + len(body), 16, 0x605, 1, 0) + body)
        answer = talk.recv(4096)
    error = struct.unpack("<i", answer[16:20])[0]
    return "a network device was made" if error == 0 else None


@attempt
def find_another_network() -> str | None:
    lines = Path("/proc/net/dev").read_text().splitlines()[2:]
    others = [line.split(":")[0].strip() for line in lines]
    return ", ".join(name for name in others if name not in ("lo", CONTEXT["device"])) or None


@attempt
def change_the_private_network() -> str | None:
    """Another address, no device any more, a second one: each by the call of the kernel's network tools."""

    def change(request: int, value: bytes) -> str:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as talk:
            name = CONTEXT["device"].encode()
            fcntl.ioctl(talk, request, struct.pack("16s24s", name, value))
        return f"the device was changed by {request:x}"

    def second() -> str:
        device = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(device, 0x400454CA, struct.pack("16sH22x", b"second0", 0x1001))
        return "a second device was made"

    address = struct.pack("HH4s", socket.AF_INET, 0, socket.inet_aton("10.5.0.1"))
    return all_held(lambda: change(0x8916, address), lambda: change(0x8914, bytes(2)), second)


@attempt
def speak_in_another_name() -> str | None:
    """A source address that is not ours, by binding to it or by writing packets. By IP_FREEBIND anybody can:
    what goes out by it is dropped by the daemon, as the tests of private networks show."""

    def bound(option: int) -> str:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as talk:
            talk.setsockopt(socket.IPPROTO_IP, option, 1)
            talk.bind(("10.5.0.1", 0))
            talk.sendto(b"x", ("10.5.0.3", 9))
            return f"a packet of another's, by option {option}"

    def packets(family: int) -> str:
        socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW).close()
        return "packets can be written"

    transparent, header_included = 19, 3
    return all_held(
        lambda: bound(transparent),
        lambda: bound(header_included),
        lambda: packets(socket.AF_INET),
        lambda: packets(socket.AF_PACKET),
    )


# -- what others have ----------------------------------------------------------------------------------------


@attempt
def share_memory_with_others() -> str | None:
    def attach() -> str:
        libc.shmat.restype = ctypes.c_void_p
        segment = checked(libc.shmget(CONTEXT["shared_key"], 0, 0o600))
        return f"segment {segment} of the host"

    def listed() -> str | None:
        lines = Path("/proc/sysvipc/shm").read_text().splitlines()[1:]
        return lines[0] if lines else None

    return all_held(attach, listed)


@attempt
def find_secrets_of_host_and_neighbour() -> str | None:
    """Every file that can be read, but for the kernel's own, and what this attempt itself holds."""
    wanted = (CONTEXT["secret_name"],)
    for folder, folders, names in os.walk("/"):
        if folder == "/":
            folders[:] = [name for name in folders if name not in ("proc", "sys")]
        found = [name for name in (*names, *folders) if name in wanted]
        if found:
            return f"{folder}/{found[0]}"
    return None


@attempt
def link_files_of_other_mounts() -> str | None:
    """A hard link needs no right to read, and would be opened by the host."""

    def link(source: str) -> str:
        os.link(source, "/golem/work/linked")
        return f"{source} has a second name in the volume"

    sources = ("/.golem-pause", "/proc/1/environ", "/proc/self/fd/0", "/dev/null", "/etc/hostname")
    return all_held(*(lambda source=source: link(source) for source in sources))
