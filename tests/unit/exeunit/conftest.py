"""A small image made of this machine's own shell and tools, and a daemon that an ExeUnit can talk to."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import WSMsgType, web

from golemnet.image.gvmi import ImageConfig, append_config, hash_image
from golemnet.model.packets import join, split
from golemnet.rest.exeunit import (
    ExecBatch,
    FromUnit,
    Hello,
    Result,
    StateChanged,
    Stop,
    Usage,
    decode_from_unit,
    encode_frame,
)
from golemnet.rest.vpn import UNIT_PATH

TOOLS = (
    "sh",
    "cat",
    "ls",
    "sleep",
    "head",
    "dd",
    "true",
    "mkdir",
    "ln",
    "id",
    "rm",
    "tail",
    "echo",
    "touch",
    "seq",
)
TIMEOUT_S = 20
KEY = "provider-key"
REQUESTOR = "0x" + "CD" * 20
ACTIVITY = "0123456789abcdef0123456789abcdef"


def copy_program(name: str, root: Path) -> None:
    """The host's program ``name`` and the libraries that it loads."""
    found = shutil.which(name)
    assert found is not None
    for source in {found, *_libraries(found)}:
        target = root / source.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)


def _libraries(program: str) -> list[str]:
    listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
    return re.findall(r"(/\S+\.so\S*)", listed)


@pytest.fixture(scope="session")
def gvmi(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("image")
    root = folder / "root"
    for name in ("golem/work", "golem/output", "golem/resource", "proc", "sys", "dev", "tmp", "etc", "root"):
        (root / name).mkdir(parents=True)
    for tool in TOOLS:
        copy_program(tool, root)
    (root / "tmp").chmod(0o1777)
    if not (root / "bin").exists():
        (root / "bin").symlink_to("usr/bin")
    image = folder / "tiny.gvmi"
    command = ["mksquashfs", str(root), str(image), "-quiet", "-no-progress", "-noappend", "-all-root"]
    subprocess.run(command, check=True, capture_output=True)
    volumes = {name: {} for name in ("/golem/work", "/golem/output", "/golem/resource")}
    append_config(image, ImageConfig(env=["GREETING=hello"], volumes=volumes, work_dir="/golem/work"))
    return image


class Daemon:
    """The parts of a provider's daemon that an ExeUnit uses, on a port of their own."""

    def __init__(self, image: Path) -> None:
        self.image = image
        self.hash = hash_image(image)
        self.files: dict[str, bytes] = {}
        self.frames: list[FromUnit] = []
        self.sockets: list[web.WebSocketResponse] = []
        self.downloads = 0
        self.reads = 0
        self.packets: list[bytes] = []
        self.packets_to_send: list[bytes] = []
        self.refused_addresses: set[str] = set()
        self._news = asyncio.Condition()

    async def start(self, port: int = 0) -> None:
        app = web.Application(client_max_size=1 << 30)
        app.add_routes(
            [
                web.get("/activity-api/v1/activity/{id}/exeunit", self._link),
                web.get(UNIT_PATH, self._join),
                web.get("/gsb-api/v1/files/{node}/{id}", self._read),
                web.put("/gsb-api/v1/files/{node}/{id}", self._write),
                web.get("/image.{hash}.link", self._follow),
                web.get("/download/{hash}", self._download),
            ]
        )
        self.runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", port)
        await site.start()
        self.port: int = self.runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self.port}"

    async def stop(self) -> None:
        for socket in self.sockets:
            await socket.close()
        await self.runner.cleanup()

    async def _link(self, request: web.Request) -> web.WebSocketResponse:
        if request.headers.get("Authorization") != f"Bearer {KEY}":
            raise web.HTTPUnauthorized
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.append(socket)
        async for message in socket:
            if message.type is WSMsgType.BINARY:
                async with self._news:
                    self.frames.append(decode_from_unit(message.data))
                    self._news.notify_all()
        return socket

    async def _join(self, request: web.Request) -> web.WebSocketResponse:
        """An end of a private network: it is sent ``packets_to_send``, what it sends is kept."""
        if request.query["ip"] in self.refused_addresses:
            raise web.HTTPForbidden
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_bytes(join(self.packets_to_send))
        async for message in socket:
            async with self._news:
                self.packets += split(message.data)
                self._news.notify_all()
        return socket

    async def packet(self, check) -> bytes:
        """The first packet that ``check`` accepts, now or later."""
        async with asyncio.timeout(TIMEOUT_S), self._news:
            while not (found := [packet for packet in self.packets if check(packet)]):
                await self._news.wait()
            return found[0]

    async def _read(self, request: web.Request) -> web.Response:
        self.reads += 1
        if request.match_info["id"] not in self.files:
            return web.json_response({"message": "No such file is published."}, status=404)
        return web.Response(body=self.files[request.match_info["id"]])

    async def _write(self, request: web.Request) -> web.Response:
        self.files[request.match_info["id"]] = await request.read()
        return web.json_response(None)

    async def _follow(self, request: web.Request) -> web.Response:
        return web.Response(text=f"{self.url}/download/{request.match_info['hash']}\n")

    async def _download(self, request: web.Request) -> web.StreamResponse:
        if request.match_info["hash"] != self.hash:
            raise web.HTTPNotFound
        self.downloads += 1
        return web.FileResponse(self.image)

    async def wait_for(self, check) -> FromUnit:
        """The first frame that ``check`` accepts, now or later."""
        async with asyncio.timeout(TIMEOUT_S), self._news:
            while True:
                for frame in self.frames:
                    if check(frame):
                        return frame
                await self._news.wait()

    async def hello(self) -> Hello:
        return await self.wait_for(lambda frame: isinstance(frame, Hello))

    async def send(self, frame: ExecBatch | Stop) -> None:
        await self.hello()
        await self.sockets[-1].send_bytes(encode_frame(frame))

    async def run(self, batch_id: str, *commands: dict) -> list:
        """The results of a batch, when it has ended."""
        await self.send(ExecBatch(batch_id, json.dumps(commands)))
        return await self.results(batch_id)

    async def results(self, batch_id: str) -> list:
        def ends(frame: FromUnit) -> bool:
            return isinstance(frame, Result) and frame.batch_id == batch_id and frame.result.is_batch_finished

        await self.wait_for(ends)
        frames = (frame for frame in self.frames if isinstance(frame, Result) and frame.batch_id == batch_id)
        by_index = {frame.result.index: frame.result for frame in frames}
        return [by_index[index] for index in sorted(by_index)]

    @property
    def states(self) -> list[str]:
        return [frame.state for frame in self.frames if isinstance(frame, StateChanged)]

    @property
    def usages(self) -> list[list[float]]:
        return [frame.counters for frame in self.frames if isinstance(frame, Usage)]


@pytest.fixture
async def daemon(gvmi: Path) -> AsyncIterator[Daemon]:
    daemon = Daemon(gvmi)
    await daemon.start()
    yield daemon
    await daemon.stop()


class Unit:
    """An ``exe-unit`` process with its folders."""

    def __init__(self, daemon: Daemon, folder: Path) -> None:
        self.daemon = daemon
        self.work_dir = folder / "work" / "agreement" / ACTIVITY
        self.cache_dir = folder / "cache"
        self.agreement = folder / "agreement.json"
        self.memory_gib = 0.0625
        self.storage_gib = 0.0625
        self.package = f"hash:sha3:{daemon.hash}:{daemon.url}/image.{daemon.hash}.link"
        self.computation: dict | None = None

    async def start(self) -> None:
        self.agreement.write_text(json.dumps(self._agreement()))
        self.process = await asyncio.create_subprocess_exec(*self._command(), env=self._environment())

    async def start_below_an_agent(self) -> asyncio.subprocess.Process:
        """The same as the child of another process, which is returned."""
        agent = f"import subprocess; subprocess.Popen({self._command()!r}).wait()"
        return await asyncio.create_subprocess_exec(sys.executable, "-c", agent, env=self._environment())

    async def stop_now(self) -> None:
        """Kill it and forget what it has told."""
        self.process.kill()
        await self.process.wait()
        self.daemon.frames.clear()

    def _command(self) -> list[str]:
        return [
            *(sys.executable, "-m", "golemnet.cli.exe_unit", "--activity-id", ACTIVITY),
            *("--agreement", str(self.agreement), "--work-dir", str(self.work_dir)),
            *("--cache-dir", str(self.cache_dir)),
        ]

    def _environment(self) -> dict[str, str]:
        url = self.daemon.url
        return {**os.environ, "YAGNA_API_URL": url, "YAGNA_APPKEY": KEY, "GOLEM_REGISTRY_URL": url}

    def _agreement(self) -> dict:
        offer = {
            "golem.inf.mem.gib": self.memory_gib,
            "golem.inf.storage.gib": self.storage_gib,
            "golem.inf.cpu.threads": 1,
            "golem.com.usage.vector": ["golem.usage.cpu_sec", "golem.usage.duration_sec"],
        }
        demand = {"golem": {"srv": {"comp": {"task_package": self.package}}}}
        if self.computation is not None:
            # as the REST API writes a name that is also the beginning of others
            demand = {"golem": {"srv": {"comp": {"payload": {"@tag": self._manifest(), "sig": "none"}}}}}
        return {"offer": {"properties": offer}, "demand": {"properties": demand, "requestorId": REQUESTOR}}

    def _manifest(self) -> str:
        url = f"{self.daemon.url}/image.{self.daemon.hash}.link"
        image = {"hash": f"sha3:{self.daemon.hash}", "urls": [url]}
        times = {"createdAt": "2026-01-01T00:00:00Z", "expiresAt": "2100-01-01T00:00:00Z"}
        manifest = {"version": "0.1.0", **times, "payload": [image], "compManifest": self.computation}
        return base64.b64encode(json.dumps(manifest).encode()).decode()

    async def end(self) -> int:
        return await asyncio.wait_for(self.process.wait(), TIMEOUT_S)


@pytest.fixture
async def unit(daemon: Daemon, tmp_path: Path) -> AsyncIterator[Unit]:
    unit = Unit(daemon, tmp_path)
    await unit.start()
    yield unit
    if unit.process.returncode is None:
        unit.process.kill()
        await unit.process.wait()
