"""Opening an iroh endpoint (QUIC, dialled by ed25519 key), with the binding's slow copies replaced.

iroh 1.2's generated Python moves byte buffers across the language border item by item, at 9 MiB/s. The two
methods that do so are replaced here, at import, by single copies; ``tests/unit/net`` holds the throughput.
Lookup services are off, and relays are only those that ``home_relay`` names: addresses come from our own
node records.
"""

from __future__ import annotations

import asyncio
import ctypes
import socket
from collections.abc import Sequence
from typing import Any

from iroh import (
    Endpoint,
    EndpointAddr,
    EndpointBuilder,
    EndpointId,
    EndpointOptions,
    IrohError,
    Preset,
    RelayMode,
    iroh_ffi,
)

from golemnet.net.errors import CannotListen
from golemnet.net.records import Place

ALPN = b"golem/1"
WILDCARDS = ("0.0.0.0", "::")
LOOPBACK = "127.0.0.1"
# An endpoint that was closed a moment ago holds its port while it says goodbye.
REBIND_PAUSES_S = (0.1, 0.2, 0.4, 0.8)
BINDING_ERRORS = (IrohError, iroh_ffi.InternalError)


class _Families(Preset):
    """The preset without any outside service, and further addresses to bind."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = addresses

    def apply(self, builder: EndpointBuilder) -> None:
        builder.apply_minimal()
        for address in self._addresses:
            builder.bind_addr(address)


async def open_endpoint(secret: bytes, bind: str) -> Endpoint:
    """An endpoint on the UDP address ``bind`` (``host:port``; port 0 takes a free one).

    Raises:
        CannotListen: the address is taken, or not one of this machine.
    """
    loop: Any = asyncio.get_running_loop()
    iroh_ffi.uniffi_set_event_loop(loop)
    options = EndpointOptions(
        preset=_Families(_second_family(bind)),
        bind_addr=bind,
        secret_key=secret,
        alpns=[ALPN],
        relay_mode=RelayMode.custom_from_urls([]),
    )
    for pause in (*REBIND_PAUSES_S, None):
        try:
            return await Endpoint.bind(options)
        except BINDING_ERRORS as error:
            if pause is None or "in use" not in reason_of(error):
                raise _cannot_listen(bind, reason_of(error)) from error
            await asyncio.sleep(pause)
    raise AssertionError("the last attempt returns or raises")


def endpoint_address(place: Place) -> EndpointAddr:
    """Where to dial the endpoint. Raises ValueError."""
    try:
        endpoint_id = EndpointId.from_bytes(place.endpoint_key)
        return EndpointAddr(endpoint_id, place.relay or None, list(place.addresses))
    except BINDING_ERRORS as error:
        raise ValueError(reason_of(error)) from error


def place_of(endpoint: Endpoint) -> Place:
    """Where others may find ``endpoint`` now; on loopback only if it has no other address."""
    address = endpoint.addr()
    found = list(address.direct_addresses()) or loopback_addresses(endpoint)
    return Place(endpoint.id().to_bytes(), list(dict.fromkeys(found)), address.relay_url() or "")


def loopback_addresses(endpoint: Endpoint) -> list[str]:
    """Where programs of this machine find ``endpoint`` if it listens on every interface."""
    bound = (each.rpartition(":") for each in endpoint.bound_sockets())
    return [f"{LOOPBACK}:{port}" for host, _, port in bound if host in WILDCARDS]


def bound_hosts(endpoint: Endpoint) -> tuple[list[str], int]:
    """The hosts that the endpoint is bound to, and its port at the first of them."""
    bound = [each.rpartition(":") for each in endpoint.bound_sockets()]
    return [host.strip("[]") for host, _, _ in bound], int(bound[0][2])


def is_loopback(bind: str) -> bool:
    """Whether ``host:port`` can be reached from this machine only."""
    return bind.startswith(("127.", "localhost:", "[::1]"))


def reason_of(error: BaseException) -> str:
    """The last line of the binding's message, which names the cause."""
    message = error.message() if isinstance(error, IrohError) else str(error)
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


def _cannot_listen(bind: str, why: str) -> CannotListen:
    return CannotListen(
        f"The node-to-node network cannot listen on {bind}.",
        why=why,
        next_step="Stop the program that uses the port, or set GOLEM_NET_BIND to another.",
    )


def _second_family(bind: str) -> list[str]:
    # Bound to loopback alone, iroh would still open IPv6 to the whole world.
    return ["[::1]:0"] if is_loopback(bind) and _has_ipv6_loopback() else []


def _has_ipv6_loopback() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def _read(self, size: int) -> bytes:  # pyright: ignore[reportMissingParameterType]
    if self.offset + size > self.len:
        raise iroh_ffi.InternalError("read past the end of a buffer")
    data = ctypes.string_at(ctypes.addressof(self.data.contents) + self.offset, size) if size else b""
    self.offset += size
    return data


def _write(self, value: bytes) -> None:  # pyright: ignore[reportMissingParameterType]
    with self._reserve(len(value)):
        if value:
            ctypes.memmove(
                ctypes.addressof(self.rbuf.data.contents) + self.rbuf.len, bytes(value), len(value)
            )


iroh_ffi._UniffiRustBufferStream.read = _read
iroh_ffi._UniffiRustBufferBuilder.write = _write
