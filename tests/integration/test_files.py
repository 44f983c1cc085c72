"""Files between whole nodes: programs share them, other nodes read and write them, over both networks."""

import asyncio
import hashlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
import yarl

from golemnet.daemon.gsb import program_link
from golemnet.daemon.node import Node
from golemnet.gftp.daemon_address import DaemonAddress
from golemnet.gftp.link import Link, open_session
from golemnet.gftp.messages import SMALL_BYTES
from golemnet.gftp.transfer import TransferError, download, upload
from golemnet.gftp.urls import GftpUrl, parse_url
from golemnet.testing.nodes import APP_KEY, program, running, settings_of, start_nodes

KEY = {"Authorization": f"Bearer {APP_KEY}"}
GFTP = [sys.executable, "-m", "golemnet.cli.gftp"]
WAIT_S = 20.0


@asynccontextmanager
async def iroh_nodes(directory: Path) -> AsyncIterator[list[Node]]:
    async with AsyncExitStack() as stack:
        nodes: list[Node] = []
        for number in range(2):
            joined = tuple(node.net_address or "" for node in nodes)
            settings = settings_of(directory / str(number))
            settings = msgspec.structs.replace(settings, net_bind="127.0.0.1:0", net_bootstrap=joined)
            nodes.append(await stack.enter_async_context(running(Node(settings))))
        await _neighbours(nodes[0])
        yield nodes


async def _neighbours(node: Node) -> None:
    met = asyncio.Event()
    node.network.on_neighbour(lambda _: met.set())
    async with asyncio.timeout(WAIT_S):
        if not node.network.neighbours():
            await met.wait()


@pytest.fixture(params=["memory", "iroh"])
async def nodes(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[list[Node]]:
    opened = start_nodes(2, tmp_path) if request.param == "memory" else iroh_nodes(tmp_path)
    async with opened as started:
        yield started


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[list[Node]]:
    async with start_nodes(2, tmp_path) as started:
        yield started


@asynccontextmanager
async def linked(node: Node) -> AsyncIterator[Link]:
    async with session_of(node) as session:
        link = Link(session, node.api_url)
        serving = asyncio.create_task(link.run())
        try:
            yield link
        finally:
            serving.cancel()
            await asyncio.wait({serving})


def session_of(node: Node) -> aiohttp.ClientSession:
    return open_session(DaemonAddress(node.api_url, APP_KEY))


def path_of(node: Node, url: GftpUrl) -> str:
    return f"{node.api_url}/gsb-api/v1/files/{url.node}/{url.file_id}"


def written(path: Path, size: int) -> Path:
    path.write_bytes(os.urandom(size))
    return path


@pytest.mark.parametrize("size", [1, SMALL_BYTES, SMALL_BYTES + 1, 3_000_001])
async def test_a_published_file_is_read_by_another_node(nodes: list[Node], tmp_path: Path, size: int) -> None:
    asking, sharing = nodes
    file = written(tmp_path / "file", size)
    async with linked(sharing) as link, session_of(asking) as session:
        url = await link.publish(file)
        assert url.node == sharing.key.node_id
        assert url.file_id == hashlib.sha3_256(file.read_bytes()).hexdigest()
        async with session.get(path_of(asking, url)) as answer:
            assert answer.status == 200
            assert answer.headers["Content-Length"] == str(size)
            assert await answer.read() == file.read_bytes()


async def test_a_range_is_read_from_its_offset(nodes: list[Node], tmp_path: Path) -> None:
    asking, sharing = nodes
    file = written(tmp_path / "file", 500_000)
    async with linked(sharing) as link, program(asking) as client:
        url = await link.publish(file)
        async with client.gsb.read_file(url.node, url.file_id, offset=400_000) as answer:
            assert answer.status == 206
            assert answer.headers["Content-Range"] == "bytes 400000-499999/500000"
            assert await answer.read() == file.read_bytes()[400_000:]
        beyond = {"Range": "bytes=500001-"}
        async with session_of(asking) as session, session.get(path_of(asking, url), headers=beyond) as answer:
            assert answer.status == 416


async def test_small_files_are_read_also_when_the_daemon_keeps_no_more(
    pair: list[Node], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking, sharing = pair
    monkeypatch.setattr(program_link, "MAX_KEPT_BYTES", 25_000)
    files = [written(tmp_path / f"file-{number}", 10_000) for number in range(4)]
    async with linked(sharing) as link, session_of(asking) as session:
        for file in files:
            url = await link.publish(file)
            await download(session, asking.api_url, url, tmp_path / "copy")
            assert (tmp_path / "copy").read_bytes() == file.read_bytes()


async def test_an_empty_file_is_read(nodes: list[Node], tmp_path: Path) -> None:
    asking, sharing = nodes
    async with linked(sharing) as link, session_of(asking) as session:
        url = await link.publish(written(tmp_path / "empty", 0))
        await download(session, asking.api_url, url, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b""


async def test_what_nobody_shares_is_not_found(nodes: list[Node], tmp_path: Path) -> None:
    asking, sharing = nodes
    async with session_of(asking) as session:
        for method in ("GET", "PUT"):
            place = GftpUrl(sharing.key.node_id, "0" * 64)
            async with session.request(method, path_of(asking, place), data=None) as answer:
                assert answer.status == 404
                assert (
                    "not" in (await answer.json())["message"] or "Nobody" in (await answer.json())["message"]
                )


async def test_a_file_is_sent_to_where_it_is_waited_for(nodes: list[Node], tmp_path: Path) -> None:
    sending, waiting = nodes
    file, target = written(tmp_path / "file", 700_000), tmp_path / "target"
    async with linked(waiting) as link, session_of(sending) as session:
        url = await link.receive(target)
        await upload(session, sending.api_url, file, url)
        assert target.read_bytes() == file.read_bytes()
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".part")] == []


async def test_an_upload_that_breaks_off_leaves_nothing(nodes: list[Node], tmp_path: Path) -> None:
    sending, waiting = nodes
    target = tmp_path / "target"

    async def half() -> AsyncIterator[bytes]:
        yield bytes(300_000)
        raise ConnectionResetError

    async with linked(waiting) as link, session_of(sending) as session:
        url = await link.receive(target)
        with pytest.raises((aiohttp.ClientError, ConnectionError)):
            await session.put(path_of(sending, url), data=half(), headers={"Content-Length": "900000"})
        file = written(tmp_path / "file", 1000)
        await upload(session, sending.api_url, file, url)
        assert target.read_bytes() == file.read_bytes()


async def test_content_that_is_not_its_hash_is_refused(nodes: list[Node], tmp_path: Path) -> None:
    asking, sharing = nodes
    file = written(tmp_path / "file", 600_000)
    async with linked(sharing) as link, session_of(asking) as session:
        url = await link.publish(file)
        written(file, 600_000)
        with pytest.raises(TransferError):
            await download(session, asking.api_url, url, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


async def test_who_checks_himself_is_given_what_there_is(pair: list[Node], tmp_path: Path) -> None:
    asking, sharing = pair
    file = written(tmp_path / "file", 600_000)
    async with linked(sharing) as link, program(asking) as client:
        url = await link.publish(file)
        changed = written(file, 600_000).read_bytes()
        async with client.gsb.read_file(url.node, url.file_id, is_checked=False) as answer:
            assert await answer.read() == changed


async def test_a_file_that_is_closed_is_gone_once_closed_as_often_as_published(
    pair: list[Node], tmp_path: Path
) -> None:
    asking, sharing = pair
    file = written(tmp_path / "file", 100)
    async with linked(sharing) as link, session_of(asking) as session:
        url = await link.publish(file)
        await link.publish(file)
        assert await link.close(str(url))
        await download(session, asking.api_url, url, tmp_path / "copy")
        assert await link.close(str(url))
        assert not await link.close(str(url))
        with pytest.raises(TransferError):
            await download(session, asking.api_url, url, tmp_path / "again")


async def test_many_small_files_at_a_time(nodes: list[Node], tmp_path: Path) -> None:
    asking, sharing = nodes
    async with linked(sharing) as link, session_of(asking) as session:
        urls = [await link.publish(written(tmp_path / f"in{each}", 10_000)) for each in range(20)]
        started = asyncio.get_running_loop().time()
        targets = [tmp_path / f"out{each}" for each in range(20)]
        await asyncio.gather(
            *(download(session, asking.api_url, *each) for each in zip(urls, targets, strict=True))
        )
        assert asyncio.get_running_loop().time() - started < 1.0
    for each in range(20):
        assert (tmp_path / f"out{each}").read_bytes() == (tmp_path / f"in{each}").read_bytes()


@pytest.mark.parametrize("name", ["..%2Fyagna.db", "%2Fetc%2Fpasswd", "..", "a%00b", "x" * 300])
async def test_a_peer_cannot_name_a_path(pair: list[Node], name: str) -> None:
    asking, sharing = pair
    async with session_of(asking) as session:
        path = f"{asking.api_url}/gsb-api/v1/files/{sharing.key.node_id}/"
        for method in ("GET", "PUT"):
            async with session.request(method, yarl.URL(path + name, encoded=True), data=None) as answer:
                assert answer.status in (400, 404)


class Server:
    """A ``gftp server`` process, used as published clients do."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin
        assert process.stdout
        self.process = process
        self._input, self._output = process.stdin, process.stdout
        self._number = 0

    async def ask(self, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
        self._number += 1
        request = {"jsonrpc": "2.0", "id": f"n{self._number}", "method": method, "params": parameters}
        self._input.write(json.dumps(request).encode() + b"\n")
        async with asyncio.timeout(WAIT_S):
            # One read, as clients without framing do: it holds exactly one answer.
            answer = json.loads(await self._output.read(65536))
        assert answer["id"] == f"n{self._number}"
        return answer

    async def result(self, method: str, **parameters: Any) -> Any:
        return (await self.ask(method, parameters))["result"]

    async def end(self) -> int:
        self._input.close()
        async with asyncio.timeout(WAIT_S):
            return await self.process.wait()


@asynccontextmanager
async def gftp_server(node: Node) -> AsyncIterator[Server]:
    process = await asyncio.create_subprocess_exec(
        *GFTP, "server", stdin=-1, stdout=-1, env=environment(node), start_new_session=True
    )
    try:
        yield Server(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def environment(node: Node) -> dict[str, str]:
    return {**os.environ, "GSB_URL": f"unix:{node.settings.socket_path}"}


async def test_gftp_server_as_clients_use_it(pair: list[Node], tmp_path: Path) -> None:
    one, other = pair
    file = written(tmp_path / "file", 50_000)
    async with gftp_server(one) as sharing, gftp_server(other) as asking:
        assert (await sharing.result("version")).split()[0] == "0.7.3"
        [published] = await sharing.result("publish", files=[str(file)])
        assert published["file"] == str(file)
        fetched = await asking.result("download", url=published["url"], output_file=str(tmp_path / "copy"))
        assert fetched == {"file": str(tmp_path / "copy"), "url": published["url"]}
        assert (tmp_path / "copy").read_bytes() == file.read_bytes()
        place = await sharing.result("receive", output_file=str(tmp_path / "slot"))
        await asking.result("upload", file=str(file), url=place["url"])
        assert (tmp_path / "slot").read_bytes() == file.read_bytes()
        assert await sharing.result("close", urls=[published["url"], published["url"]]) == ["ok", "error"]
        failed = await asking.ask("download", {"url": published["url"], "output_file": str(tmp_path / "x")})
        assert failed["error"]["code"] == -32000
        assert "share this file" in failed["error"]["message"]
        assert await asking.result("shutdown") == "ok"
        assert await asking.process.wait() == 0
        assert await sharing.end() == 0


async def test_files_of_a_killed_program_are_gone(pair: list[Node], tmp_path: Path) -> None:
    asking, sharing = pair
    async with gftp_server(sharing) as server, session_of(asking) as session:
        [published] = await server.result("publish", files=[str(written(tmp_path / "file", 20_000_000))])
        place = path_of(asking, parse_url(published["url"]))
        async with session.get(place) as answer:
            await answer.content.read(1000)
            server.process.send_signal(signal.SIGKILL)
            await server.process.wait()
            with pytest.raises(aiohttp.ClientError):
                await answer.read()
        async with session.get(place) as answer:
            assert answer.status == 404
            assert (await answer.json())["message"]
        async with session.get(f"{sharing.api_url}/me") as answer:
            assert answer.status == 200


async def run_gftp(node: Node, *arguments: str, **more: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *GFTP, *arguments, stdout=-1, stderr=-1, env=environment(node) | more
    )
    async with asyncio.timeout(WAIT_S):
        output, errors = await process.communicate()
    return process.returncode or 0, (output + errors).decode()


@asynccontextmanager
async def holding(node: Node, *arguments: str) -> AsyncIterator[str]:
    """A command that runs until interrupted; the address that it prints."""
    process = await asyncio.create_subprocess_exec(*GFTP, *arguments, stdout=-1, env=environment(node))
    assert process.stdout
    try:
        async with asyncio.timeout(WAIT_S):
            yield (await process.stdout.readline()).decode().split("\t")[1].strip()
    finally:
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 0


async def test_gftp_commands(pair: list[Node], tmp_path: Path) -> None:
    one, other = pair
    file = written(tmp_path / "file", 50_000)
    async with holding(one, "publish", str(file)) as url:
        assert await run_gftp(other, "download", url, str(tmp_path / "copy")) == (0, "")
    assert (tmp_path / "copy").read_bytes() == file.read_bytes()
    async with holding(one, "receive", str(tmp_path / "slot")) as url:
        assert await run_gftp(other, "upload", str(file), url) == (0, "")
    assert (tmp_path / "slot").read_bytes() == file.read_bytes()
    code, said = await run_gftp(other, "download", url, str(tmp_path / "none"))
    assert code == 1
    assert "why: The node does not share this file" in said


async def test_gftp_commands_say_at_once_that_the_key_is_wrong(pair: list[Node], tmp_path: Path) -> None:
    file = written(tmp_path / "file", 10)
    url = f"gftp://0x{'1' * 40}/{'0' * 64}"
    by_key = {"GSB_URL": "", "YAGNA_API_URL": pair[0].api_url, "YAGNA_APPKEY": "wrong"}
    for command in (("publish", str(file)), ("download", url, str(file)), ("upload", str(file), url)):
        code, said = await run_gftp(pair[0], *command, **by_key)
        assert (code, said.splitlines()[0]) == (1, "error: The daemon does not accept the application key.")
        assert "app-key create" in said
