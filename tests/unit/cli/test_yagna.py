"""The ``yagna`` command against a node in this process: what people and programs read."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from golemnet.cli import yagna
from golemnet.daemon.node import Node
from golemnet.daemon.settings import Settings
from golemnet.net.memory import MemoryNetwork

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["yagna", *arguments])
        try:
            yagna.main()
            status = 0
        except SystemExit as error:
            status = int(error.code or 0)
        captured = capfd.readouterr()
        return status, captured.out, captured.err

    return run


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    """A node on a loop of its own, as the command runs one itself."""
    loop = asyncio.new_event_loop()
    node = Node(Settings(data_dir=tmp_path, api_url="http://127.0.0.1:0"), network=MemoryNetwork(1).node)
    thread = threading.Thread(target=lambda: loop.run_until_complete(node.run()))
    thread.start()
    asyncio.run_coroutine_threadsafe(node.ready.wait(), loop).result(10)
    yield node
    loop.call_soon_threadsafe(node.stop)
    thread.join(5)
    assert not thread.is_alive()
    loop.close()


def test_a_key_is_printed_alone(node: Node, run: Run):
    status, out, err = run("app-key", "create", "requestor", "-d", str(node.settings.data_dir))
    assert (status, err) == (0, "")
    key = out.strip()
    assert len(bytes.fromhex(key)) == 16
    _, listed, _ = run("app-key", "list", "--json", "--datadir", str(node.settings.data_dir))
    [row] = json.loads(listed)
    assert (row["name"], row["key"], row["id"]) == ("requestor", key, node.key.node_id)
    assert run("app-key", "drop", "requestor", "-d", str(node.settings.data_dir))[0] == 0
    status, _, err = run("app-key", "drop", "requestor", "-d", str(node.settings.data_dir))
    assert status == 1
    assert err.startswith("error: There is no application key 'requestor'.")


def test_spending_limit_of_a_key_is_set_shown_and_changed(node: Node, run: Run):
    here = ("-d", str(node.settings.data_dir))

    def limits() -> dict[str, str | None]:
        return {row["name"]: row["limit"] for row in json.loads(run("app-key", "list", "--json", *here)[1])}

    assert run("app-key", "create", "poor", "--limit", "2.5", *here)[0] == 0
    assert run("app-key", "create", "rich", *here)[0] == 0
    assert limits() == {"poor": "2.5", "rich": None}
    assert "exists and has a limit of 2.5 GLM" in run("app-key", "create", "poor", "--limit", "3", *here)[2]
    assert run("app-key", "create", "poor", *here)[0] == 0
    assert run("app-key", "limit", "poor", *here)[0] == 0
    assert run("app-key", "limit", "rich", "7", *here)[0] == 0
    assert limits() == {"poor": None, "rich": "7"}
    assert "is negative" in run("app-key", "create", "odd", "--limit=-1", *here)[2]
    assert run("app-key", "limit", "nobody", "1", *here)[0] == 1


def test_who_the_node_is(node: Node, run: Run):
    _, out, _ = run("id", "show", "--json", "-d", str(node.settings.data_dir))
    assert json.loads(out)["nodeId"] == node.key.node_id
    _, out, _ = run("id", "list", "-d", str(node.settings.data_dir))
    assert node.key.node_id in out
    _, out, _ = run("net", "status", "-d", str(node.settings.data_dir), "--json")
    assert json.loads(out)["sessions"] == 0
    _, out, _ = run("activity", "status", "-d", str(node.settings.data_dir), "--json")
    assert json.loads(out) == []


def test_no_daemon_is_said_clearly(tmp_path: Path, run: Run):
    status, out, err = run("id", "show", "-d", str(tmp_path))
    assert (status, out) == (1, "")
    assert err.splitlines() == [
        "error: No daemon is running.",
        f"why: There is no socket {tmp_path}/yagna.sock.",
        "hint: Start one by `yagna service run`, or name its data directory by --datadir.",
    ]


def test_the_socket_of_a_daemon_that_died(tmp_path: Path, run: Run):
    import socket

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "yagna.sock"))
    status, _, err = run("id", "show", "-d", str(tmp_path))
    assert status == 1
    assert err.startswith("error: No daemon answers")


def test_the_version(run: Run):
    status, out, _ = run("--version")
    assert status == 0
    assert out.strip()


def test_books_of_a_node_that_has_paid_nothing(node: Node, run: Run):
    there = ("-d", str(node.settings.data_dir))
    status, out, _ = run("payment", "ledger", "--csv", *there)
    assert (status, out) == (
        0,
        "date,debit,credit,amount,document,document_id,agreement_id,transaction\n",
    )
    assert json.loads(run("payment", "ledger", "--json", *there)[1]) == []
    status, out, _ = run("payment", "verify", "--json", *there)
    assert (status, [each["kind"] for each in json.loads(out)]) == (0, ["note"])
    stats = json.loads(run("payment", "invoice", "status", "--last", "24h", "--json", *there)[1])
    assert stats["provider"]["settled"] == {"totalAmount": "0", "agreementsCount": 0}
    assert set(stats) == {"requestor", "provider"}


def test_nonsense_about_money_is_refused(node: Node, run: Run):
    there = ("-d", str(node.settings.data_dir))
    status, _, err = run("payment", "invoice", "status", "--last", "soon", *there)
    assert (status, err.splitlines()[0]) == (1, "error: 'soon' is no duration.")
    status, _, err = run("payment", "exit", "nobody", *there)
    assert (status, err.splitlines()[0]) == (1, "error: 'nobody' is no address.")
