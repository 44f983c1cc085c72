"""How far a stranger's script may reach from a provider's machine."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from golemnet.exeunit.errors import TransferFailed
from golemnet.exeunit.public_addresses import check_public
from golemnet.exeunit.web import Internet


@pytest.fixture
async def neighbour() -> AsyncIterator[str]:
    """A server beside the provider; /moved leads to itself by its name."""
    app = web.Application()

    async def secret(_: web.Request) -> web.Response:
        return web.Response(text="secret")

    async def moved(request: web.Request) -> web.Response:
        raise web.HTTPFound(f"http://localhost:{request.url.port}/secret")

    app.add_routes([web.get("/secret", secret), web.put("/secret", secret), web.get("/moved", moved)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def read(internet: Internet, url: str) -> bytes:
    async with internet.fetch(url) as (content, _):
        return b"".join([chunk async for chunk in content])


async def nothing() -> AsyncIterator[bytes]:
    for _ in ():
        yield b""


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "[::ffff:127.0.0.1]"])
async def test_a_neighbour_is_not_reached(neighbour: str, host: str) -> None:
    url = neighbour.replace("127.0.0.1", host) + "/secret"
    with pytest.raises(TransferFailed, match="broke off"):
        await read(Internet(), url)
    with pytest.raises(TransferFailed, match="broke off"):
        await Internet().send(url, nothing(), 0)


async def test_the_message_says_why(neighbour: str) -> None:
    with pytest.raises(TransferFailed) as caught:
        await read(Internet(), f"{neighbour}/secret")
    assert "no address of the internet" in caught.value.why


async def test_the_registry_of_the_owners_choice_is_reached_also_by_name(neighbour: str) -> None:
    by_name = neighbour.replace("127.0.0.1", "localhost")
    assert await read(Internet(neighbour), f"{neighbour}/secret") == b"secret"
    assert await read(Internet(by_name), f"{neighbour}/moved") == b"secret"


async def test_a_registry_opens_its_own_port_alone(neighbour: str) -> None:
    with pytest.raises(TransferFailed):
        await read(Internet("http://127.0.0.1:1"), f"{neighbour}/secret")


@pytest.mark.parametrize(
    "address",
    [
        *("10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "224.0.0.1"),
        *("fe80::1%eth0", "fc00::1", "::", "ff02::1", "::ffff:192.168.0.1", "2002:c0a8:0101::1"),
        *("64:ff9b::10.0.0.1", "64:ff9b:1::1", "::127.0.0.1", "::ffff:0:127.0.0.1", "fec0::1"),
        *("168.63.129.16", "::ffff:168.63.129.16", "192.0.0.192", "100.100.100.200"),
    ],
)
def test_addresses_that_are_not_of_the_internet(address: str) -> None:
    with pytest.raises(PermissionError):
        check_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700:4700::1111", "64:ff9b::1.1.1.1"])
def test_addresses_of_the_internet(address: str) -> None:
    check_public(address)


def test_a_public_address_of_this_machine_is_none_of_the_internet(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on rented machines; here the loopback's stands for it."""
    monkeypatch.setattr("golemnet.exeunit.public_addresses._is_public", lambda _address: True)
    check_public("1.1.1.1")
    for address in ("127.0.0.1", "::ffff:127.0.0.1", "64:ff9b::127.0.0.1"):
        with pytest.raises(PermissionError):
            check_public(address)
