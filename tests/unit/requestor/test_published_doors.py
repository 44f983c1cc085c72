"""What surrounds tasks and services: private networks, proxies, consumers of events, lines of the log."""

import logging
from decimal import Decimal
from types import SimpleNamespace

import pytest

from golemnet.requestor.published.dispatch import Dispatcher
from golemnet.requestor.published.events import exc_info_of
from golemnet.requestor.published.http_proxy import Response, dechunked
from golemnet.requestor.published.logs import log_summary
from golemnet.rest.errors import Conflict
from yapapi import events
from yapapi.config import ApiConfig, MissingConfiguration
from yapapi.contrib.service.chunk import chunks
from yapapi.log import SummaryLogger, pluralize, str_capped
from yapapi.network import Network, NetworkError
from yapapi.props import NodeInfo

OWNER, ANN = "0xowner", "0xann"


class Net:
    """Notes what is asked of the daemon."""

    api_url = "http://here/net-api/v1"

    def __init__(self):
        self.calls = []

    async def create_network(self, address, mask, gateway):
        self.calls.append(("create", address, mask, gateway))
        return "net"

    async def remove_network(self, network_id):
        self.calls.append(("remove", network_id))

    async def add_address(self, network_id, ip):
        self.calls.append(("address", ip))

    async def add_node(self, network_id, node_id, ip):
        self.calls.append(("node", node_id, ip))
        if self.calls.count(("node", node_id, ip)) > 1:
            raise Conflict("It is there.")

    async def remove_node(self, network_id, node_id):
        self.calls.append(("gone", node_id))


async def test_a_network_gives_addresses_and_tells_deploy():
    net = Net()
    network = await Network.create(net, "192.168.0.1/24", OWNER)
    node = await network.add_node(ANN)
    assert (network.owner_ip, node.ip) == ("192.168.0.1", "192.168.0.2")
    assert node.get_deploy_args() == {
        "net": [
            {
                "id": "net",
                "ip": "192.168.0.0",
                "mask": "255.255.255.0",
                "nodeIp": "192.168.0.2",
                "nodes": {"192.168.0.1": OWNER, "192.168.0.2": ANN},
            }
        ]
    }
    assert node.get_websocket_uri(80) == "ws://here/net-api/v1/net/net/tcp/192.168.0.2/80"
    await network.refresh_nodes()
    await network.remove_node(ANN)
    await network.remove()
    await network.remove()
    assert net.calls[-2:] == [("gone", ANN), ("remove", "net")]


@pytest.mark.parametrize("ip", ["10.0.0.1", "192.168.0.1"])
async def test_an_address_is_of_the_network_and_nobody_else_s(ip):
    network = await Network.create(Net(), "192.168.0.0/24", OWNER)
    with pytest.raises(NetworkError):
        await network.add_node(ANN, ip)


async def test_addresses_come_to_an_end():
    network = await Network.create(Net(), "192.168.0.0/30", OWNER)
    await network.add_node(ANN)
    with pytest.raises(NetworkError):
        await network.add_node("0xbob")


async def test_a_network_is_found_again():
    network = await Network.create(Net(), "192.168.0.0/24", OWNER, mask=None, gateway="192.168.0.9")
    await network.add_node(ANN, "192.168.0.5")
    again = Network.deserialize(Net(), network.serialize())
    assert again.serialize() == network.serialize()
    assert (await again.add_node("0xbob")).ip not in network.nodes_dict


def test_no_network_is_made_of_nonsense():
    with pytest.raises(NetworkError):
        Network(Net(), "300.1.1.1/24", OWNER)


@pytest.mark.parametrize(
    ("parts", "body"),
    [
        ([b"HTTP/1.1 200 OK\r\nContent-Le", b"ngth: 4\r\n\r\nab", b"cd"], b"abcd"),
        ([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", b"0\r\n\r\n"], b"ab"),
        ([b"HTTP/1.1 204 No\r\nContent-Length: 0\r\n\r\n"], b""),
    ],
)
def test_an_answer_is_complete_with_its_last_part_only(parts, body):
    response = Response()
    for part in parts[:-1]:
        response.receive(part)
        assert response.body is None
    response.receive(parts[-1])
    assert response.body == body


def test_an_answer_without_a_length_ends_with_its_connection():
    response = Response()
    response.receive(b"HTTP/1.0 200 OK\r\nX: 1\r\n\r\nabc")
    assert (response.status, response.headers["x"], response.body, response.rest) == (200, "1", None, b"abc")


@pytest.mark.parametrize("data", [b"", b"5\r\nab", b"zz\r\n"])
def test_chunks_that_are_not_all_there(data):
    assert dechunked(data) is None


def test_pieces():
    assert list(chunks(b"abcde", 2)) == [b"ab", b"cd", b"e"]
    with pytest.raises(ValueError):
        list(chunks(b"a", 0))


def test_consumers_hear_what_they_want_and_do_not_disturb_each_other():
    heard, dispatcher = [], Dispatcher()
    dispatcher.add(lambda event: 1 / 0, [events.Event])
    dispatcher.add(heard.append, ["JobStarted", events.ShutdownFinished])
    dispatcher.emit(events.JobFinished(SimpleNamespace(id="1")))
    dispatcher.emit(events.JobStarted(SimpleNamespace(id="1")))
    dispatcher.emit(events.ShutdownFinished())
    assert [type(event) for event in heard] == [events.JobStarted, events.ShutdownFinished]
    with pytest.raises(ValueError, match="Nothing"):
        dispatcher.add(heard.append, ["Nothing"])


def agreement(name: str):
    details = SimpleNamespace(provider_node_info=NodeInfo(name=name))
    return SimpleNamespace(id=f"agreement {name}", provider_id=f"0x{name}", details=details)


def test_the_log_has_the_lines_that_programs_look_for(caplog):
    caplog.set_level(logging.INFO, logger="yapapi")
    log, job, ann, bob = log_summary(), SimpleNamespace(id="7"), agreement("ann"), agreement("bob")
    task = SimpleNamespace(id="1", data="x" * 300)
    proposal = SimpleNamespace(id="p", issuer="0xann")
    failed = exc_info_of(RuntimeError("bad"))
    for event in (
        events.JobStarted(job),
        events.ProposalConfirmed(job, proposal),
        events.AgreementCreated(job, ann),
        events.AgreementConfirmed(job, ann),
        events.AgreementConfirmed(job, bob),
        events.TaskStarted(job, ann, None, task),
        events.TaskFinished(job, ann, None, task),
        events.WorkerFinished(job, bob, None, exc_info=failed),
        events.InvoiceAccepted(job, ann, SimpleNamespace(amount=Decimal("0.1"))),
        events.JobFinished(job),
        events.ShutdownFinished(),
    ):
        log(event)
    said = "\n".join(caplog.messages)
    for line in (
        "Received proposals from 1 provider so far",
        "[Job 7] Agreement proposed to provider 'ann' (0xann)",
        "[Job 7] Agreement confirmed by provider 'ann'",
        f"[Job 7] Task started on provider 'ann', task data: {'x' * 197}...",
        "[Job 7] Task finished by provider 'ann'",
        "[Job 7] Worker for provider 'bob' failed; reason: bad",
        "[Job 7] Accepted invoice from 'ann', amount: 0.1",
        "[Job 7] Job finished in 0.",
        "[Job 7] Negotiated 2 agreements with 2 providers",
        "[Job 7] Provider 'ann' computed 1 task",
        "[Job 7] Provider 'bob' did not compute any tasks",
        "[Job 7] Activity failed 1 time on provider 'bob'",
        "Total cost: 0.1",
        SummaryLogger.GOLEM_SHUTDOWN_SUCCESSFUL_MESSAGE,
    ):
        assert line in said, line


def test_events_print_what_people_want_to_know():
    event = events.AgreementTerminated("a-job", "an-agreement", {"message": "over"})
    assert repr(event) == (
        "AgreementTerminated(job='a-job', agreement='an-agreement', reason={'message': 'over'})"
    )
    interrupted = events.ExecutionInterrupted(exc_info=exc_info_of(KeyboardInterrupt()))
    assert repr(interrupted) == "ExecutionInterrupted(exception=KeyboardInterrupt())"


def test_words():
    assert (pluralize(1, "task"), pluralize(2, "task")) == ("1 task", "2 tasks")
    assert (str_capped("abcdef", 5), str_capped("abc", 5)) == ("ab...", "abc")


def test_the_daemon_is_found_by_the_environment(monkeypatch):
    for name in ("YAGNA_API_URL", "YAGNA_APPKEY", "YAGNA_MARKET_URL", "YAGNA_PAYMENT_URL"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(MissingConfiguration, match="YAGNA_APPKEY"):
        ApiConfig()
    monkeypatch.setenv("YAGNA_APPKEY", "key")
    monkeypatch.setenv("YAGNA_MARKET_URL", "http://there:1/market-api/v1")
    assert (ApiConfig().app_key, ApiConfig().api_url) == ("key", "http://there:1")
    assert ApiConfig(api_url="http://x").api_url == "http://x"
