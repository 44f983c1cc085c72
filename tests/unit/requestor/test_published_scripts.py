"""Scripts of the published API: what is sent, and what is told of it."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from requestor_doors import NOW

from golemnet.errors import GolemError
from golemnet.requestor.errors import ProviderLost
from golemnet.requestor.published.batches import Executor, drive
from golemnet.requestor.published.context import WorkContext
from golemnet.rest.activity import ExeScriptCommandResult, RuntimeEvent
from golemnet.rest.errors import GatewayTimeout
from yapapi import events
from yapapi.ctx import CaptureContext
from yapapi.rest.activity import BatchTimeoutError, CommandExecutionError
from yapapi.script import ProgressArgs

ANY = {"stdout": {"stream": {}}, "stderr": {"stream": {}}}


class Files:
    """Shares files by their own paths."""

    def __init__(self, folder: Path):
        self._folder = folder

    async def publish(self, path):
        return f"gftp:{path}"

    async def publish_bytes(self, content):
        path = self._folder / f"{len(list(self._folder.iterdir()))}"
        path.write_bytes(content)
        return f"gftp:{path}"

    async def receive(self, path):
        path.write_bytes(b'{"got": 1}')
        return f"gftp:{path}"

    async def close(self, url):
        return


class Place:
    """An activity whose commands come to what ``results`` says: None is success, an event never comes."""

    def __init__(self, folder: Path, results=(), streams: bool = False):
        self.sent, self.events = [], []
        self._results = results
        activity = SimpleNamespace(
            exec=self._exec, batch_results=self._batch_results, stream_batch=self._stream
        )
        self._session = SimpleNamespace(
            client=SimpleNamespace(activity=activity), activity_id="activity", ask=self._ask, order=self._ask
        )
        self.context = WorkContext(None, None, Files(folder), self._emit)
        self.executor = Executor(self._session, streams)

    async def run(self, script):
        return await (await self.executor.submit(script))

    def _emit(self, event_class, **kwargs):
        event = event_class(None, **kwargs)
        self.events.append(event)
        return event

    async def _ask(self, call):
        return await call()

    async def _exec(self, activity_id, commands):
        self.sent.append(commands)
        return "batch"

    async def _batch_results(self, activity_id, batch_id, *, timeout_s, command_index):
        """As the daemon answers: all that is there, once the one that is asked for is."""
        results = []
        for index, _ in enumerate(self.sent[-1][: command_index + 1]):
            error = self._results[index] if index < len(self._results) else None
            if isinstance(error, asyncio.Event):
                await error.wait()
            results.append(
                ExeScriptCommandResult(
                    index=index,
                    event_date=NOW,
                    result="Ok" if error is None else "Error",
                    stdout=f"out {index}",
                    stderr="",
                    message=error,
                    is_batch_finished=error is not None or index == len(self.sent[-1]) - 1,
                )
            )
        return results

    async def _stream(self, activity_id, batch_id):
        for kind in self._results:
            if isinstance(kind, Exception):
                raise kind
            yield RuntimeEvent(batch_id=batch_id, index=0, timestamp=NOW, kind=kind)


async def test_commands_are_sent_as_the_wire_has_them(tmp_path):
    place = Place(tmp_path)
    script = place.context.new_script()
    script.deploy(progress_args=ProgressArgs(updateInterval="300ms"), net=[1])
    script.start("a")
    script.run("/bin/sh", "-c", "x", stdout=CaptureContext.build("tail", 10, "str"))
    script.run("/bin/sh", env={"A": "1"})
    script.download_from_url("http://x", "/y")
    script.terminate()
    await place.run(script)

    assert place.sent == [
        [
            {"deploy": {"net": [1], "progress": {"updateInterval": "300ms"}}},
            {"start": {"args": ["a"]}},
            {
                "run": {
                    "entry_point": "/bin/sh",
                    "args": ["-c", "x"],
                    "capture": {**ANY, "stdout": {"atEnd": {"tail": 10, "format": "str"}}},
                }
            },
            {"run": {"entry_point": "/usr/bin/env", "args": ["A=1", "/bin/sh"], "capture": ANY}},
            {"transfer": {"from": "http://x", "to": "container:/y"}},
            {"terminate": {}},
        ]
    ]


async def test_files_and_bytes_go_both_ways(tmp_path):
    place, got = Place(tmp_path), []

    async def receive(data):
        got.append(data)

    script = place.context.new_script()
    script.upload_json({"a": (1, 2)}, "/in.json")
    script.download_bytes("/b", receive, limit=4)
    script.download_json("/j", receive)
    script.download_file("/f", str(tmp_path / "f"))
    await place.run(script)

    uploaded = place.sent[0][0]["transfer"]["from"].removeprefix("gftp:")
    assert json.loads(Path(uploaded).read_text()) == {"a": [1, 2]}
    assert got == [b'{"go', {"got": 1}]
    finished = [event.path for event in place.events if isinstance(event, events.DownloadFinished)]
    assert finished == ["/b", "/j", str(tmp_path / "f")]


async def test_results_are_there_afterwards_and_not_before(tmp_path):
    place = Place(tmp_path)
    script = place.context.new_script()
    result = script.run("/bin/true")
    with pytest.raises(AttributeError):
        _ = script.results
    results = await place.run(script)
    assert (await result).stdout == "out 0"
    assert results == script.results
    assert [type(each) for each in place.events] == [
        events.ScriptSent,
        events.GettingResults,
        events.CommandExecuted,
        events.ScriptFinished,
    ]


async def test_a_worker_hears_of_a_command_that_failed(tmp_path):
    place, heard = Place(tmp_path, [None, "exit code 3"]), []

    async def worker():
        script = place.context.new_script()
        script.run("/bin/true")
        script.run("/bin/false")
        script.run("/bin/true")
        try:
            yield script
        except CommandExecutionError as error:
            heard.append((error.message, "/bin/false" in error.command))
        again = place.context.new_script()
        again.run("/bin/true")
        yield again

    await drive(worker(), place.executor.submit)
    assert heard == [("exit code 3", True)]
    assert [len(batch) for batch in place.sent] == [3, 1]


async def test_a_worker_does_not_hear_that_its_provider_is_lost(tmp_path):
    place, heard = Place(tmp_path, [GatewayTimeout("gone")], streams=True), []

    async def worker():
        script = place.context.new_script()
        script.run("/bin/true")
        try:
            yield script
        except Exception as error:
            heard.append(error)

    with pytest.raises(ProviderLost):
        await drive(worker(), place.executor.submit)
    assert heard == []


async def test_output_is_heard_of_while_commands_run_and_kept(tmp_path):
    kinds = [
        {"started": {"command": {}}},
        {"stdout": "one\n"},
        {"progress": {"step": [0, 1], "message": None, "progress": [5, 10], "unit": "Bytes"}},
        {"stderr": "bad\n"},
        {"stdout": "two\n"},
        {"finished": {"return_code": 0, "message": None}},
    ]
    place = Place(tmp_path, kinds, streams=True)
    script = place.context.new_script()
    result = script.run("/bin/sh")
    await place.run(script)

    done = await result
    assert (done.stdout, done.stderr) == ("one\ntwo\n", "bad\n")
    outputs = [event.output for event in place.events if isinstance(event, events.CommandStdOut)]
    assert outputs == ["one\n", "two\n"]
    [progress] = [event for event in place.events if isinstance(event, events.CommandProgress)]
    assert (progress.progress, progress.unit) == ((5, 10), "Bytes")


async def test_a_script_that_takes_too_long(tmp_path):
    place = Place(tmp_path, [asyncio.Event()])
    script = place.context.new_script(timeout=timedelta(seconds=0.01))
    script.run("/bin/sleep", "1")
    with pytest.raises(BatchTimeoutError):
        await place.run(script)


async def test_a_file_that_is_not_there_is_named(tmp_path):
    script = Place(tmp_path).context.new_script()
    script.upload_file(str(tmp_path / "missing"), "/x")
    with pytest.raises(GolemError, match="missing"):
        await script.prepare()
