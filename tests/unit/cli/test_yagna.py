"""The ``yagna`` command against a node in this process: what people and programs read."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import re
import select
import signal
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from golemnet.cli import yagna
from golemnet.daemon.identity.keystore import decrypt
from golemnet.daemon.identity.opening import node_key
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


def test_key_goes_out_and_into_another_node_under_its_own_passphrase(node: Node, run: Run, tmp_path: Path):
    here, there = str(node.settings.data_dir), str(tmp_path / "there")
    (tmp_path / "secret").write_text("of the file\n")
    (tmp_path / "wrong").write_text("of another\n")
    copy, secret = str(tmp_path / "copy.json"), str(tmp_path / "secret")

    _, out, err = run("id", "export", copy, "--passphrase-file", secret, "-d", here)
    assert node.key.node_id in out
    assert stat.S_IMODE(Path(copy).stat().st_mode) == 0o600
    assert node.key.to_bytes().hex() not in out + err + Path(copy).read_text()
    assert "exists" in run("id", "export", copy, "--passphrase-file", secret, "-d", here)[2]
    assert "no terminal" in run("id", "export", f"{copy}.2", "-d", here)[2]

    wrong = ("--passphrase-file", str(tmp_path / "wrong"))
    assert "passphrase does not fit" in run("id", "import", copy, *wrong, "-d", there)[2]
    assert run("id", "import", copy, "--passphrase-file", secret, "-d", there)[0] == 0
    assert node_key(Settings(data_dir=Path(there))).node_id == node.key.node_id
    assert "has the key" in run("id", "import", copy, "--passphrase-file", secret, "-d", there)[2]


def test_passphrase_that_was_typed_is_in_no_argument_and_no_environment(tmp_path: Path):
    """A real terminal, a real daemon: what others can read of the process does not hold the secret."""
    secret = "typed by hand"
    pid, terminal = pty.fork()
    if pid == 0:  # the child has a terminal of its own
        environment = {**os.environ, "YAGNA_DATADIR": str(tmp_path), "YAGNA_API_URL": "http://127.0.0.1:0"}
        start = "from golemnet.cli.yagna import main; main()"
        program = [sys.executable, "-c", start, "service", "run", "--ask-passphrase"]
        os.execve(program[0], program, environment)
    try:
        shown = _typed(terminal, secret)
        arguments, environment = (Path(f"/proc/{pid}/{each}").read_bytes() for each in ("cmdline", "environ"))
        [file] = (tmp_path / "keys").glob("0x*.json")
        assert decrypt(json.loads(file.read_text()), secret).node_id == file.stem
        assert secret.encode() not in shown + arguments + environment
        assert b"golemnet.daemon" in arguments
        assert not (tmp_path / "passphrase").exists()
    finally:
        os.kill(pid, signal.SIGTERM)
        os.close(terminal)
        os.waitpid(pid, 0)


def _typed(terminal: int, secret: str) -> bytes:
    """Answer both prompts, and read on until the node is ready; all that was shown."""
    shown = b""
    for wanted in (b"Passphrase of the node's key: ", b"Once more: ", b"yagna is ready"):
        while wanted not in shown:
            assert select.select([terminal], [], [], 40)[0], shown
            shown += os.read(terminal, 4096)
        if wanted != b"yagna is ready":
            os.write(terminal, f"{secret}\n".encode())
    return shown


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


@pytest.mark.parametrize(
    "command", ["payment init", "payment deposit create", "app-key create", "service run"]
)
def test_help_says_what_each_option_is(run: Run, command: str):
    _, out, _ = run(*command.split(), "--help")
    options = re.split(r"\n│ [* ] +(?=-)|\n│ (?=-)", out)[1:]
    bare = [each for each in options if not re.search(r"[a-z]{2,} [a-z]{2,}", each.replace("│", " "))]
    assert len(options) > 2
    assert bare == []
