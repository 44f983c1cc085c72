"""What a worker records, and the commands of the ExeScript that it becomes."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from golemnet.errors import GolemError
from golemnet.model.script import parse_script
from golemnet.requestor.steps import DownloadFile, Run, SendBytes, SendFile, describe, prepare
from golemnet.requestor.work_context import WorkContext


class Files:
    """Shares by name."""

    async def publish(self, path):
        return f"gftp://{path.name}"

    async def publish_bytes(self, content):
        return f"gftp://{content.decode()}"

    async def receive(self, path):
        return f"gftp://to/{path.name}"

    async def close(self, url):
        raise AssertionError("nothing is closed while it is prepared")


def context(said=print):
    return WorkContext("activity", "0xann", "ann", said)


async def test_each_step_becomes_one_command_in_order(tmp_path):
    (tmp_path / "cubes.blend").write_bytes(b"")
    ctx = context()
    ctx.send_file(tmp_path / "cubes.blend", "/golem/scene.blend")
    ctx.send_bytes("/golem/in.txt", b"hello")
    ctx.run("/bin/wc", "-c", 7)
    ctx.download_file("/golem/out.png", tmp_path / "out.png")
    prepared = await prepare(ctx.commit().steps, Files())

    send, send_bytes, run, fetch = prepared.commands
    assert send == {"transfer": {"from": "gftp://cubes.blend", "to": "container:/golem/scene.blend"}}
    assert send_bytes == {"transfer": {"from": "gftp://hello", "to": "container:/golem/in.txt"}}
    assert (run["run"]["entry_point"], run["run"]["args"]) == ("/bin/wc", ["-c", "7"])
    assert fetch == {"transfer": {"from": "container:/golem/out.png", "to": "gftp://to/out.png"}}
    assert prepared.urls == ["gftp://cubes.blend", "gftp://hello", "gftp://to/out.png"]
    assert [describe(each) for each in prepared.commands] == [
        "send a file to /golem/scene.blend",
        "send a file to /golem/in.txt",
        "/bin/wc -c 7",
        "fetch /golem/out.png",
    ]
    assert describe({"deploy": {}}) == "deploy"


async def test_what_is_prepared_is_a_script_that_the_daemon_takes():
    steps = [SendBytes(b"x", "/a"), Run("/bin/true", [], {}), Run("/bin/true", ["a"], {"B": "c"})]
    commands = (await prepare(steps, Files())).commands
    assert len(parse_script(json.dumps(commands))) == 3


async def test_an_environment_goes_through_env():
    [command] = (await prepare([Run("/bin/sh", ["-c", "x"], {"A": "1", "B": "2 3"})], Files())).commands
    assert command["run"]["entry_point"] == "/usr/bin/env"
    assert command["run"]["args"] == ["A=1", "B=2 3", "/bin/sh", "-c", "x"]


def test_a_commit_takes_the_steps_since_the_last_one():
    ctx = context()
    ctx.send_json("/golem/params.json", {"frames": [1]})
    first = ctx.commit(timeout=timedelta(minutes=1))
    ctx.run("/bin/true")
    second = ctx.commit()

    assert first.steps == [SendBytes(b'{"frames": [1]}', "/golem/params.json")]
    assert (first.timeout, second.timeout) == (timedelta(minutes=1), None)
    assert second.steps == [Run("/bin/true", [], {})]
    assert ctx.commit().steps == []


def test_files_are_found_from_the_folder_of_the_script(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("scene").touch()
    ctx = context()
    ctx.send_file("scene", "/in")
    ctx.download_file("/out", "result")
    assert ctx.commit().steps == [
        SendFile(tmp_path / "scene", "/in"),
        DownloadFile("/out", tmp_path / "result"),
    ]


@pytest.mark.parametrize(
    ("record", "error"),
    [
        (lambda ctx: ctx.run("bin/true"), "'bin/true' is not an absolute path of the image. Write /bin/true"),
        (lambda ctx: ctx.send_bytes("in.txt", b""), "'in.txt' is not an absolute path"),
        (lambda ctx: ctx.send_json("in.json", {}), "'in.json' is not an absolute path"),
        (lambda ctx: ctx.download_file("out", "x"), "'out' is not an absolute path"),
        (
            lambda ctx: ctx.send_file("missing", "/in"),
            "There is no file /.*missing. The worker wants",
        ),
        (lambda ctx: ctx.download_file("/out", "missing/out"), "There is no folder /.*missing"),
    ],
)
def test_a_step_that_cannot_work_is_refused_when_it_is_recorded(record, error, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ctx = context()
    with pytest.raises(GolemError, match=error):
        record(ctx)
    assert ctx.commit().steps == []


def test_data_that_is_no_json_is_refused():
    with pytest.raises(TypeError):
        context().send_json("/x.json", {"when": timedelta(1)})


def test_a_worker_speaks_in_words():
    said = []
    context(said.append).log("frame", 7)
    assert said == ["frame 7"]
