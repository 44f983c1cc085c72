"""``gftp`` where something is missing: it says what, and ends."""

import json
import subprocess
import sys

import pytest

from golemnet.cli import gftp

URL = f"gftp://0x{'1' * 40}/{'2' * 64}"
VERSION_LINE = '{"jsonrpc": "2.0", "id": 1, "method": "version", "params": {}}\n'
WAIT_S = 20.0


@pytest.fixture(autouse=True)
def no_daemon(monkeypatch, tmp_path):
    for name in ("YAGNA_APPKEY", "GSB_URL", "GOLEM_CHAIN_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("YAGNA_DATADIR", str(tmp_path / "nowhere"))
    monkeypatch.setattr(gftp, "PATIENCE_S", 0.1)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("hello")


def said(capsys, *command):
    with pytest.raises(SystemExit) as ended:
        gftp.main(list(command))
    assert ended.value.code == 1
    return capsys.readouterr().err


@pytest.mark.parametrize(
    "command", [("publish", "file"), ("receive", "new"), ("download", URL, "new"), ("upload", "file", URL)]
)
def test_no_daemon(command, capsys):
    text = said(capsys, *command)
    assert text.startswith("error: The node's daemon cannot be reached.")
    assert "hint: Start it by `yagna service run`" in text


@pytest.mark.parametrize("command", [("publish", "nothing"), ("upload", "nothing", URL)])
def test_no_file(command, capsys):
    assert "nothing cannot be read.\nwhy: No such file or directory." in said(capsys, *command)


@pytest.mark.parametrize("lines", [None, VERSION_LINE])
def test_the_server_answers_what_a_plain_file_asks_and_ends(lines, tmp_path):
    if lines is not None:
        (tmp_path / "requests").write_text(lines)
    with open("/dev/null" if lines is None else tmp_path / "requests") as requests:
        ended = subprocess.run(
            [sys.executable, "-m", "golemnet.cli.gftp", "server"],
            stdin=requests,
            capture_output=True,
            text=True,
            timeout=WAIT_S,
        )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert [json.loads(line)["id"] for line in ended.stdout.splitlines()] == ([1] if lines else [])
