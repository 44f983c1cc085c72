"""The last published version of the Python client."""

from __future__ import annotations

from pathlib import Path

from client_network import ClientNetwork, check_payments
from jobs import check_six_tasks
from marks import MARKS, shows
from published import Ended
from python_clients import PythonClient

pytestmark = MARKS
CLIENT = "yapapi-0.13.1"
NAME = "yapapi 0.13.1"
SCRIPTS = Path(__file__).parent / "scripts"


async def run(client: PythonClient, network: ClientNetwork, folder: Path, script: str) -> Ended:
    path = SCRIPTS / f"{script}_0_13_1.py"
    ended = await client.run(folder, path, network.image_hash, environment=network.environment)
    assert ended.status == 0, ended.output
    return ended


@shows(NAME, "batch", "payment")
async def test_six_tasks_with_files(
    client: PythonClient, network: ClientNetwork, common: bytes, tmp_path: Path
) -> None:
    ended = await run(client, network, tmp_path, "six_tasks")
    check_six_tasks(ended, tmp_path, common)
    assert "Accepted invoice" in ended.output, ended.output
    assert "Unpaid agreements" not in ended.output, ended.output
    assert await check_payments(network) >= 1


@shows(NAME, "failure", "new offers")
async def test_a_task_fails_until_the_third_agreement(
    client: PythonClient, network: ClientNetwork, tmp_path: Path
) -> None:
    ended = await run(client, network, tmp_path, "failing")
    # Two providers: the client takes a proposal once, so the third agreement needs a new offer.
    assert ended.said("result") == [["one", "3"]], ended.output
    failures = ended.said("failed")
    assert [words[0] for words in failures] == ["bad-news"] * 2, ended.output
    assert all("exit code 3" in " ".join(words) for words in failures)
    assert ended.said("terminated") == [["Cancelled"]] * 2 + [["Success"]], ended.output


@shows(NAME, "stream", "progress")
async def test_progress_and_output_come_while_commands_run(
    client: PythonClient, network: ClientNetwork, tmp_path: Path
) -> None:
    ended = await run(client, network, tmp_path, "streamed")
    progress = [(int(done), int(size)) for done, size, unit in ended.said("progress") if unit == "Bytes"]
    assert len(progress) > 2, ended.output
    assert progress == sorted(set(progress))
    assert progress[-1][0] == progress[-1][1]
    lines = ended.said("out")
    assert [text for _, text in lines] == ["line-1", "line-2", "line-3"], ended.output
    assert [text for _, text in ended.said("err")] == ["end"], ended.output
    executed = float(ended.said("executed")[-1][0])
    first, _, last = (float(at) for at, _ in lines)
    assert last - first > 1.5
    assert executed - first > 2.5


@shows(NAME, "service")
async def test_two_instances_of_a_service(
    client: PythonClient, network: ClientNetwork, tmp_path: Path
) -> None:
    ended = await run(client, network, tmp_path, "service")
    counted = sorted(ended.said("counted"))
    assert counted == [[f"provider-{n}", str(count)] for n in (1, 2) for count in (1, 2, 3)], ended.output
    assert sorted(ended.said("last")) == [["provider-1", "3"], ["provider-2", "3"]], ended.output
    used = ["Ready", "golem.usage.cpu_sec", "golem.usage.duration_sec"]
    assert ended.said("used") == [used, used], ended.output


@shows(NAME, "VPN service")
async def test_two_web_servers_in_a_private_network(
    client: PythonClient, network: ClientNetwork, tmp_path: Path
) -> None:
    ended = await run(client, network, tmp_path, "network")
    names = [f"provider-{n}" for n in (1, 2)]
    # the requestor by the library's proxy, in turn; then each instance its own server and the other's
    assert sorted(ended.said("visited")) == [
        ["200", "served", "by", each] for each in names for _ in range(2)
    ], ended.output
    read = [[reader, "served", "by", name] for reader in names for name in names]
    assert sorted(ended.said("read")) == read, ended.output
    assert sorted(ended.said("outside")) == [[each, "none", "none"] for each in names], ended.output


@shows(NAME, "manifest")
async def test_a_manifest_with_a_way_to_the_internet(
    client: PythonClient, network: ClientNetwork, tmp_path: Path
) -> None:
    ended = await run(client, network, tmp_path, "manifest")
    assert ended.said("resolver") == [["nameserver", "198.18.0.1"]], ended.output
    (refused,) = ended.said("refused")
    assert "does not permit the command 'run /bin/ls /'" in " ".join(refused)


@shows(NAME, "market scan", "strategy")
async def test_offers_are_listed_and_one_provider_is_chosen(
    client: PythonClient, network: ClientNetwork, tmp_path: Path
) -> None:
    ended = await run(client, network, tmp_path, "offers")
    assert ended.said("offers") == [["provider-1", "provider-2"]], ended.output
    assert sorted(ended.said("result")) == [["0", "provider-2"], ["1", "provider-2"]], ended.output
    nodes = {node_id: line.node for node_id, line in (await network.running.nodes()).items()}
    assert {nodes[provider] for [provider] in ended.said("rejected")} == {"provider-1"}, ended.output
