"""What the network between nodes costs: ``python benchmarks/net.py``.

Two processes on loopback. Bulk is shown as it goes by the session (by a relay, or where TCP is stopped) and
by a connection of its own (all others), beside TLS over TCP between two Python processes in the same run.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median

import psutil
import structlog
from promises import at_least, at_most, finish, shown

from golemnet.clock import SystemClock
from golemnet.model.keys import NodeKey
from golemnet.model.node_id import NodeId
from golemnet.net.iroh_network import IrohNetwork

HOST = "127.0.0.1"
CALLS, IN_FLIGHT, MANY_CALLS = 2000, 64, 20_000
CHUNK = bytes(256 * 1024)
BULK_BYTES = 256 * 1024 * 1024
STREAMS, ROUNDS = 4, 5
GIB = 1024**3
PROMISES = {
    "round trip of a call, median": at_most(1.0, "ms"),
    "calls, 64 at a time": at_least(4000.0, "/s"),
    "bulk by the session": shown("MiB/s"),
    f"bulk by the session, {STREAMS} streams": shown("MiB/s"),
    "bulk by a connection of its own": shown("MiB/s"),
    "the last, as a share of TLS over TCP": at_least(0.4, ""),
    "processor for it, both ends": shown("s/GiB"),
    "processor by the session, both ends": shown("s/GiB"),
    "processor for TLS over TCP, both ends": shown("s/GiB"),
}


def main() -> None:
    """Measure and print."""
    finish(PROMISES, dict(zip(PROMISES, asyncio.run(between_two_processes()), strict=True)))


async def between_two_processes() -> tuple[float, ...]:
    """Round trip, calls a second, and what ``bulk_round`` gives."""
    with tempfile.TemporaryDirectory() as folder, Server(Path(folder)) as server:
        async with running_node([server.address]) as network:
            await call_times(network, server.node, CALLS // 10)
            round_trip = median(await call_times(network, server.node, CALLS)) * 1000
            many = await calls_a_second(network, server.node)
            bulk = [await bulk_round(network, server, Path(folder)) for _ in range(ROUNDS)]
    return round_trip, many, *(median(figures) for figures in zip(*bulk, strict=True))


async def bulk_round(network: IrohNetwork, server: Server, folder: Path) -> tuple[float, ...]:
    """Bulk by the session on one stream and on several, beside it, that to TLS, and processor times."""
    one, one_cost = await server.timed(receive_bulk(network, server.node, 1))
    several, _ = await server.timed(receive_bulk(network, server.node, STREAMS))
    beside, beside_cost = await server.timed(receive_bulk(network, server.node, 1, is_bulk=True))
    tls, tls_cost = await server.timed(receive_tls(folder, server.tls_port))
    return one, several, beside, beside / tls, beside_cost, one_cost, tls_cost


class Server:
    """The other process, within a ``with``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> Server:
        make_certificate(self._folder)
        command = [sys.executable, __file__, "serve", str(self._folder)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        node, self.address, port = self._process.stdout.readline().split()
        self.node, self.tls_port = NodeId.parse(node), int(port)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    async def timed(self, work) -> tuple[float, float]:
        """MiB a second of ``work``, which moves ``BULK_BYTES``, and processor seconds for a GiB."""
        cpu, began = self._cpu(), time.monotonic()
        await work
        seconds = time.monotonic() - began
        return BULK_BYTES / 1024**2 / seconds, (self._cpu() - cpu) * GIB / BULK_BYTES

    def _cpu(self) -> float:
        both = (psutil.Process().cpu_times(), psutil.Process(self._process.pid).cpu_times())
        return sum(times.user + times.system for times in both)


async def call_times(network: IrohNetwork, node: NodeId, count: int) -> list[float]:
    """Seconds that each of ``count`` calls took, one after the other."""
    times = []
    for _ in range(count):
        began = time.perf_counter()
        await network.call(node, "echo", b"x" * 100, timeout_s=5)
        times.append(time.perf_counter() - began)
    return times


async def calls_a_second(network: IrohNetwork, node: NodeId) -> float:
    """Calls answered in a second, with several under way."""
    began = time.monotonic()
    each = MANY_CALLS // IN_FLIGHT
    await asyncio.gather(*(call_times(network, node, each) for _ in range(IN_FLIGHT)))
    return each * IN_FLIGHT / (time.monotonic() - began)


async def receive_bulk(network: IrohNetwork, node: NodeId, streams: int, *, is_bulk: bool = False) -> None:
    """Read ``BULK_BYTES``, in equal parts from so many streams at a time."""
    each = BULK_BYTES // streams

    async def receive() -> None:
        stream = await network.open_stream(node, "bulk", str(each).encode(), timeout_s=5, is_bulk=is_bulk)
        received = 0
        while data := await stream.read(1024 * 1024):
            received += len(data)
        await stream.abort()
        assert received == each

    await asyncio.gather(*(receive() for _ in range(streams)))


async def receive_tls(folder: Path, port: int) -> None:
    """The same over TLS."""
    context = ssl.create_default_context(cafile=str(folder / "cert.pem"))
    reader, writer = await asyncio.open_connection(HOST, port, ssl=context, server_hostname="localhost")
    received = 0
    while data := await reader.read(1024 * 1024):
        received += len(data)
    writer.close()
    assert received == BULK_BYTES


def make_certificate(folder: Path) -> None:
    """A certificate for localhost, signed by itself."""
    names = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
    files = ("-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem"))
    kind = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1")
    subprocess.run(["openssl", "req", "-x509", *kind, *names, *files], check=True, capture_output=True)


async def serve(folder: Path) -> None:
    """The other process: answers calls and streams, and TLS, until it is killed."""

    async def echo(caller: NodeId, body: bytes) -> bytes:
        return body

    async def bulk(caller, header, stream) -> None:
        for _ in range(int(header) // len(CHUNK)):
            await stream.write(CHUNK)

    async def bulk_tls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(BULK_BYTES // len(CHUNK)):
            writer.write(CHUNK)
            await writer.drain()
        writer.close()

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    server = await asyncio.start_server(bulk_tls, HOST, 0, ssl=context)
    async with running_node([]) as network:
        network.handle("echo", echo)
        network.handle_stream("bulk", bulk)
        print(network.node_id, network.address(), server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Event().wait()


@asynccontextmanager
async def running_node(bootstrap: list[str]) -> AsyncIterator[IrohNetwork]:
    """A node on a free port."""
    network = IrohNetwork(NodeKey.generate(), f"{HOST}:0", bootstrap, SystemClock())
    async with running(network.run):
        yield network


@asynccontextmanager
async def running(run) -> AsyncIterator[None]:
    """Run a part from ready to cancelled."""
    ready = asyncio.Event()
    task = asyncio.create_task(run(ready))
    await ready.wait()
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


if __name__ == "__main__":
    # Log lines go to the output, which the other process reads.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    if sys.argv[1:2] == ["serve"]:
        asyncio.run(serve(Path(sys.argv[2])))
    else:
        main()
