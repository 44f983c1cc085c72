"""The internet as seen from inside: what the manifest names is there, and nothing else.

"The internet" is a server on this machine; that it may be reached is a choice of these tests, for which
production has no switch.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import struct
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from golemnet.exeunit import joined_streams
from golemnet.exeunit.public_addresses import check_public
from golemnet.exeunit.way_out import OWN, WayOut
from golemnet.model.manifest import Outbound
from golemnet.runtime.network_namespace import NetworkNamespace

pytestmark = [
    pytest.mark.privileged,
    pytest.mark.skipif(os.geteuid() != 0, reason="containers of these drivers need root"),
]

BODY = """
import socket, ssl
from msgspec.structs import replace
from golemnet.exeunit.public_addresses import check_public
from golemnet.exeunit.way_out import RESOLVER_FILE, RESOLVER_TEXT, WayOut
from golemnet.model.manifest import Outbound

async def serve(reader, writer):
    head = (await reader.readuntil(b"\\r\\n\\r\\n")).decode()
    host = head.partition("Host: ")[2].partition("\\r")[0]
    body = b"x" * 5_000_000 if "/large" in head else f"hello {host}".encode()
    writer.write(b"HTTP/1.0 200 OK\\r\\n\\r\\n" + body)
    await writer.drain()
    writer.close()

certified = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
certified.load_cert_chain(CERTIFICATE)
plain = await asyncio.start_server(serve, "127.0.0.1", 0)
secure = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=certified)
everywhere = await asyncio.start_server(serve, "0.0.0.0", 0)
ports = [server.sockets[0].getsockname()[1] for server in (plain, secure, everywhere)]

async def resolve(host, port):
    machines = {"plain.example": ("127.0.0.1", ports[0]), "secure.example": ("127.0.0.1", ports[1]),
                "neighbour.example": ("127.0.0.2", ports[2]), "gone.example": ("127.0.0.1", 1)}
    return [machines[host]]

def check(address):
    if address != "127.0.0.1":
        check_public(address)

urls = ("http://plain.example", "https://secure.example:8443", "http://neighbour.example", "ws://gone.example")
await driver.deploy(replace(IMAGE, files={RESOLVER_FILE: RESOLVER_TEXT}), LIMITS, {})
await driver.start()
way = WayOut(check, resolve)
await way.open(await driver.network_namespace(), Outbound(urls))

async def curl(*arguments):
    return await shell(driver, " ".join(["curl -sSk --max-time 8", *arguments]))

found = {
    "plain": await curl("http://plain.example/"),
    "secure": await curl("https://secure.example:8443/"),
    "large": await curl("-o /dev/null -w '%{size_download}' http://plain.example/large"),
    "other name": await curl("http://other.example/"),
    "other port": await curl("http://plain.example:81/"),
    "other host's port": await curl("http://plain.example:8443/"),
    "address": await curl("http://1.1.1.1/"),
    "loopback": await curl(f"http://127.0.0.1:{ports[0]}/"),
    "this machine": await curl(f"http://{MACHINE}:{ports[2]}/"),
    "neighbour": await curl("http://neighbour.example/"),
    "gone": await curl("http://gone.example/"),
    "names": await shell(driver, "cat /etc/resolv.conf; echo no > /etc/resolv.conf"),
}
await way.close()
found["closed"] = await curl("http://plain.example/")
return found
"""
NO_NAME, REFUSED, BROKEN = 6, 7, (52, 56)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("certificate") / "both.pem"
    options = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    both = ["-subj", "/CN=secure.example", "-keyout", str(path), "-out", f"{path}.cert"]
    subprocess.run(["openssl", "req", *options, *both], check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + Path(f"{path}.cert").read_bytes())
    return path


def address_of_this_machine() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        any_socket.connect(("192.0.2.1", 9))
        return any_socket.getsockname()[0]


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl: apt-get install curl")
@pytest.mark.parametrize("driver", ["crun", "bwrap"])
def test_what_the_manifest_names_is_reached_and_nothing_else(laboratory_with_curl, certificate, driver):
    prelude = f"CERTIFICATE, MACHINE = {str(certificate)!r}, {address_of_this_machine()!r}\n"
    found = json.loads(laboratory_with_curl.run(driver, prelude + BODY))
    assert found["plain"] == [0, "hello plain.example"]
    assert found["secure"] == [0, "hello secure.example:8443"]
    assert found["large"] == [0, "5000000"]
    codes = {name: code for name, (code, _) in found.items()}
    assert codes["other name"] == NO_NAME
    for name in ("other port", "other host's port", "address", "loopback", "this machine"):
        assert codes[name] == REFUSED, name
    assert codes["neighbour"] in BROKEN
    assert codes["gone"] in BROKEN
    assert found["names"][0] != 0
    assert found["names"][1].startswith(f"nameserver {OWN.ip}\n")
    assert codes["closed"] != 0


class Internet:
    """An echo, and the name by which it is found."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.asked: list[tuple[str, int]] = []

    async def resolve(self, host: str, port: int) -> list[tuple[str, int]]:
        self.asked.append((host, port))
        return [("127.0.0.1", self.port)]


@pytest.fixture
async def internet() -> AsyncIterator[Internet]:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    yield Internet(server.sockets[0].getsockname()[1])
    server.close()


@pytest.fixture
async def inside() -> AsyncIterator[NetworkNamespace]:
    namespace = await NetworkNamespace.make()
    yield namespace
    namespace.close()


async def say(namespace: NetworkNamespace, address: str, port: int, words: bytes) -> bytes:
    """What comes back from there when it is said inside; raises OSError."""
    (connected,) = await namespace.open_sockets(1)
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(20):
        await loop.sock_connect(connected, (address, port))
        reader, writer = await asyncio.open_connection(sock=connected)
        writer.write(words)
        writer.write_eof()
        try:
            return await reader.read()
        finally:
            writer.close()


async def test_an_unrestricted_activity_reaches_any_name_at_usual_ports(inside, internet):
    way = WayOut(lambda address: None, internet.resolve)
    await way.open(inside, Outbound(unrestricted=True))
    address = str(way._lookup("any.example"))
    try:
        assert await say(inside, address, 443, b"hello") == b"hello"
        assert internet.asked == [("any.example", 443)]
        with pytest.raises(OSError):
            await say(inside, address, 25, b"hello")
        with pytest.raises(OSError):  # an address without a name
            assert await say(inside, str(OWN.ip + 7), 443, b"hello") == b"hello"
    finally:
        await way.close()
        await way.close()


async def test_the_guard_of_production_lets_nobody_to_this_machine(inside, internet):
    way = WayOut(check_public, internet.resolve)
    await way.open(inside, Outbound(("http://localhost",)))
    with pytest.raises(OSError):
        assert await say(inside, str(OWN.ip + 1), 80, b"hello") == b"hello"
    assert internet.asked == [("localhost", 80)]
    await way.close()


async def test_half_a_connection_may_end_first_and_much_is_not_lost(inside, internet):
    way = WayOut(lambda address: None, internet.resolve)
    await way.open(inside, Outbound(("http://a.example",)))
    words = os.urandom(1024) * 3000
    heard = await asyncio.gather(*(say(inside, str(OWN.ip + 1), 80, words) for _ in range(3)))
    assert all(each == words for each in heard)
    await way.close()


async def test_names_are_told_at_the_usual_port(inside, internet):
    way = WayOut(lambda address: None, internet.resolve)
    await way.open(inside, Outbound(("http://a.example", "https://b.example")))
    asked = struct.pack("!HHHHHH", 9, 256, 1, 0, 0, 0) + b"\1b\7example\0" + struct.pack("!HH", 1, 1)
    program = f"""
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(5)
s.sendto({asked!r}, ({str(OWN.ip)!r}, 53))
print(socket.inet_ntoa(s.recv(512)[-4:]))
"""
    process = await asyncio.create_subprocess_exec(
        *inside.entering(), "python3", "-c", program, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    assert said.decode().strip() == str(OWN.ip + 2)
    await way.close()


async def test_whom_nobody_answers_takes_no_place_for_ever(inside, monkeypatch):
    """Whether the end of what an activity says is its end, too, cannot be seen; silence tells it."""
    monkeypatch.setattr(joined_streams, "LINGER_S", 0.2)
    come = asyncio.Queue[asyncio.StreamReader]()
    server = await asyncio.start_server(lambda reader, _writer: come.put_nowait(reader), "127.0.0.1", 0)
    way = WayOut(lambda address: None, Internet(server.sockets[0].getsockname()[1]).resolve)
    await way.open(inside, Outbound(("http://silent.example",)))
    (connected,) = await inside.open_sockets(1)
    async with asyncio.timeout(20):
        await asyncio.get_running_loop().sock_connect(connected, (str(OWN.ip + 1), 80))
        reader = await come.get()
        connected.close()
        assert await reader.read() == b""
        serving = {task for task in way._tasks if task.get_coro().__name__ == "_serve"}
        assert len(serving) == 1
        await asyncio.wait(serving)
    await way.close()
    server.close()
