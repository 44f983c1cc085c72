"""The JavaScript clients. A program of theirs ends once all its sockets are closed: each end is a check."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from client_network import ClientNetwork, check_payments
from jobs import check_six_tasks
from marks import MARKS, shows
from npm_clients import NpmClients
from published import Ended

pytestmark = MARKS
SCRIPTS = Path(__file__).parent / "scripts"
GOLEM_JS = "golem-js 3.6.0"
TASK_EXECUTOR = "task-executor 2.0.1"
CLI = "golem-sdk-cli 2.11.0"


async def run(
    clients: NpmClients, network: ClientNetwork, folder: Path, script: str, *arguments: str
) -> Ended:
    arguments = (network.image_hash, *arguments)
    return await clients.run(folder, SCRIPTS / script, *arguments, environment=network.environment)


async def golem_sdk(clients: NpmClients, network: ClientNetwork, folder: Path, *arguments: str) -> str:
    ended = await clients.golem_sdk(folder, *arguments, environment=network.environment)
    assert ended.status == 0, ended.output
    return ended.output


@pytest.mark.parametrize("protocol", ["ws", "gftp"])
@shows(GOLEM_JS, "batch", "failure", "stream", "payment")
async def test_golem_js_does_a_job(
    protocol: str, npm_clients: NpmClients, network: ClientNetwork, common: bytes, tmp_path: Path
) -> None:
    ended = await run(npm_clients, network, tmp_path, "six_tasks_golem_js.mjs", protocol)
    check_six_tasks(ended, tmp_path, common)
    assert ended.said("disconnected"), ended.output
    [failed] = ended.said("failed")
    assert failed[:2] == ["Error", "bad-news"], ended.output
    assert "exit code 3" in " ".join(failed)
    check_stream(ended)
    assert await check_payments(network) == 2


def check_stream(ended: Ended) -> None:
    lines = ended.said("out")
    assert [text for _, text in lines] == ["line-1", "line-2", "line-3"], ended.output
    assert [text for _, text in ended.said("err")] == ["end"], ended.output
    [[executed, result]] = ended.said("executed")
    assert result == "Ok"
    assert float(lines[2][0]) - float(lines[0][0]) > 1.5
    assert float(executed) - float(lines[0][0]) > 2.5


@shows(GOLEM_JS, "batch")
async def test_golem_js_sends_and_receives_bytes(
    npm_clients: NpmClients, network: ClientNetwork, tmp_path: Path
) -> None:
    ended = await run(npm_clients, network, tmp_path, "data_golem_js.cjs")
    assert ended.status == 0, ended.output
    assert ended.said("same") == [["Ok", "0"]], ended.output


@shows(GOLEM_JS, "VPN service")
async def test_golem_js_reaches_two_web_servers_in_a_private_network(
    npm_clients: NpmClients, network: ClientNetwork, tmp_path: Path
) -> None:
    ended = await run(npm_clients, network, tmp_path, "network_golem_js.mjs")
    assert ended.status == 0, ended.output
    names = [f"provider-{n}" for n in (1, 2)]
    assert sorted(ended.said("visited")) == [["200", "served", "by", name] for name in names], ended.output
    read = [[reader, "served", "by", name] for reader in names for name in names]
    assert sorted(ended.said("read")) == read, ended.output
    assert ended.said("disconnected"), ended.output


@shows(TASK_EXECUTOR, "batch", "payment")
async def test_task_executor_does_a_job(
    npm_clients: NpmClients, network: ClientNetwork, common: bytes, tmp_path: Path
) -> None:
    ended = await run(npm_clients, network, tmp_path, "six_tasks_task_executor.mjs")
    check_six_tasks(ended, tmp_path, common)
    assert await check_payments(network) == 2


@shows(CLI, "market scan")
async def test_cli_scans_the_market(npm_clients: NpmClients, network: ClientNetwork, tmp_path: Path) -> None:
    options = ("--payment-network", "holesky", "--subnet-tag", network.subnet, "--scan-time", "3")
    url = ("--yagna-url", network.environment["YAGNA_API_URL"])
    said = await golem_sdk(npm_clients, network, tmp_path, "market", "scan", "-so", "json", *options, *url)
    offers = json.loads(said.splitlines()[-1])
    assert sorted(offer["providerName"] for offer in offers) == ["provider-1", "provider-2"]
    assert all(offer["cpuPerHourPrice"] > 0 for offer in offers)


@shows(CLI, "batch", "invoices", "payment")
async def test_cli_runs_a_command_and_finds_its_invoice(
    npm_clients: NpmClients, network: ClientNetwork, tmp_path: Path
) -> None:
    (tmp_path / "up.txt").write_text("there and back\n")
    commands = (
        "upload up.txt /golem/work/a; run 'sed s/there/here/ /golem/work/a'; download /golem/work/a b.txt"
    )
    image = ("--image", "tests/small:latest")
    said = await golem_sdk(npm_clients, network, tmp_path, "run-on-golem", *image, "--execute", commands)
    assert "here and back" in said, said
    assert (tmp_path / "b.txt").read_text() == "there and back\n"
    await check_payments(network)
    [last, *_] = sorted(await invoices(npm_clients, network, tmp_path), key=lambda each: each["timestamp"])[
        ::-1
    ]
    assert last["status"] == "SETTLED"
    assert "E" not in last["amount"]
    agreement = await inspected(npm_clients, network, tmp_path)
    assert agreement["state"] == "Terminated"


async def invoices(clients: NpmClients, network: ClientNetwork, folder: Path) -> list[dict[str, str]]:
    said = await golem_sdk(clients, network, folder, "invoice", "search", "--format", "json")
    return json.loads(said.splitlines()[-1])


async def inspected(clients: NpmClients, network: ClientNetwork, folder: Path) -> dict[str, object]:
    """What the program shows of the last agreement."""
    async with network.running.requestor() as requestor:
        last = max(await requestor.market.list_agreements(), key=lambda each: each.timestamp)
    url = ("--yagna-url", network.environment["YAGNA_API_URL"])
    return json.loads(await golem_sdk(clients, network, folder, "inspect", *url, "agreement", last.id))
