from __future__ import annotations

import asyncio
import socket

import pytest

from golemnet.net import relay_policy
from golemnet.net.relay_policy import MAX_STRANGE_RELAYS, RelayPolicy, is_public

OURS = "http://127.0.0.1:7466"


@pytest.fixture
def policy():
    return RelayPolicy(lambda: [OURS])


async def test_our_own_relay_is_used_wherever_it_is(policy):
    for written in (OURS, f"{OURS}/"):
        assert await policy.usable(written) == written
    assert await policy.usable("") == ""


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8545",
        "http://localhost:7466",
        "http://2130706433:80",
        "http://0x7f.1:80",
        "http://192.168.1.1",
        "http://10.1.2.3:7466",
        "http://169.254.169.254",
        "http://100.64.0.1",
        "http://224.0.0.1",
        "http://0.0.0.0:7466",
        "http://[::1]:7466",
        "http://[::ffff:127.0.0.1]:7466",
        "http://[fe80::1]:7466",
        "http://[fd00::1]:7466",
        "http://[2002:7f00:1::]:7466",
        "https://192.168.1.1",
        "ftp://9.9.9.9",
        "http://",
        "http://9.9.9.9:99999",
        "http://" + "a" * 70 + ".example",
    ],
)
async def test_a_stranger_leads_nobody_into_a_lan(policy, url):
    assert await policy.usable(url) == ""


@pytest.mark.parametrize(
    ("url", "used"),
    [
        ("http://9.9.9.9:7466", "http://9.9.9.9:7466"),
        ("http://user:word@9.9.9.9:7466/some/path?x=1", "http://9.9.9.9:7466"),
        ("http://[2620:fe::fe]", "http://[2620:fe::fe]:80"),
        ("https://9.9.9.9", "https://9.9.9.9:443"),
    ],
)
async def test_of_a_public_relay_the_address_alone_is_used(policy, url, used):
    assert await policy.usable(url) == used


async def test_a_name_is_looked_up_once_and_used_as_the_address_that_was_checked(policy, monkeypatch):
    answers = {"fine.example": ["9.9.9.9"], "mixed.example": ["9.9.9.9", "10.0.0.1"]}

    async def getaddrinfo(host, port, **_):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port)) for ip in answers[host]]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo, raising=False)
    assert await policy.usable("http://fine.example:7466") == "http://9.9.9.9:7466"
    assert await policy.usable("https://fine.example") == "https://fine.example:443"
    assert await policy.usable("http://mixed.example:7466") == ""


async def test_only_a_few_strange_relays_are_used_in_a_while(policy, monkeypatch):
    urls = [f"http://9.9.9.{number}:7466" for number in range(1, MAX_STRANGE_RELAYS + 2)]
    assert [await policy.usable(url) for url in urls] == [*urls[:-1], ""]
    assert await policy.usable(urls[0]) == urls[0]
    monkeypatch.setattr(relay_policy, "WHILE_S", 0.0)
    assert await policy.usable(urls[-1]) == urls[-1]


@pytest.mark.parametrize(("ip", "public"), [("8.8.8.8", True), ("192.0.2.1", False), ("2001:db8::1", False)])
def test_public_addresses(ip, public):
    assert is_public(ip) is public
