"""Which addresses are of the internet: none of this machine, and none of the networks around it."""

from __future__ import annotations

import errno
import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

ASSIGNED: Final = IPv6Network("2000::/3")
"""What IANA gives to the internet; beside it are old and local forms that Python takes for global ones."""
TRANSLATED: Final = IPv6Network("64:ff9b::/96")
HOSTS_OF_CLOUDS: Final = frozenset(map(IPv4Address, ("168.63.129.16", "192.0.0.192")))
"""At these, Azure's and Oracle's, a rented machine is told its own secrets; the others' are link-local."""
_ANY_PORT: Final = 9


def check_public(host: str) -> None:
    """Raise PermissionError unless the IP address ``host`` is one of the internet."""
    address = ip_address(host.partition("%")[0])
    carried = _carried(address)
    if not _is_public(carried or address) or any(map(_is_ours, filter(None, (address, carried)))):
        why = f"{host} is no address of the internet, and a script may not reach others"
        raise PermissionError(errno.EACCES, why)


def _carried(address: IPv4Address | IPv6Address) -> IPv4Address | None:
    """The IPv4 address to which packets for an IPv6 address go in the end."""
    if isinstance(address, IPv4Address):
        return None
    if address in TRANSLATED:
        return IPv4Address(address.packed[-4:])
    return address.ipv4_mapped or address.sixtofour


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address):
        return address in ASSIGNED and address.is_global
    return address.is_global and not address.is_multicast and address not in HOSTS_OF_CLOUDS


def _is_ours(address: IPv4Address | IPv6Address) -> bool:
    """Whether this machine has the address: what a firewall before it holds off would be reached from here.

    The kernel then takes the same for the source; by a datagram socket nothing is sent.
    """
    family = socket.AF_INET if isinstance(address, IPv4Address) else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as asking:
            asking.connect((str(address), _ANY_PORT))
            return ip_address(asking.getsockname()[0]) == address
    except OSError:
        return False
