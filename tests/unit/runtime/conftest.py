"""A small image of this machine's shell and tools, and containers that run in a cage of their own process."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

import pytest

TOOLS = ("sh", "cat", "ls", "sleep", "dd", "true", "id", "ln", "touch", "rm", "mkdir", "unshare", "mount")
TOOLS += ("hostname",)
TIMEOUT_S = 40

PRELUDE = """
import asyncio, json, sys
from pathlib import Path
from golemnet.runtime import cage
if {caged}:
    cage.enter()
from golemnet.runtime.driver import Image, Limits
from golemnet.runtime.selection import make_driver

IMAGE = Image(Path({image!r}), env={{"GREETING": "hello"}}, volumes=["/golem/work"])
LIMITS = Limits(memory_bytes=64 << 20, storage_bytes=32 << 20, cpu_cores=1.0, processes=24)

async def shell(driver, script):
    process = await driver.run("/bin/sh", ["-c", script])
    output, errors = await asyncio.gather(process.stdout.read(), process.stderr.read())
    return await process.wait(), (output + errors).decode()

async def scenario(driver):
{body}

async def main():
    driver = make_driver({driver!r}, "test-{name}", Path({work_dir!r}))
    try:
        print(json.dumps(await scenario(driver)))
    finally:
        await driver.stop()

asyncio.run(main())
"""


@pytest.fixture(scope="session")
def squashfs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return image_of(TOOLS, tmp_path_factory.mktemp("image"))


@pytest.fixture(scope="session")
def squashfs_with_curl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("image")
    resolver = folder / "root" / "etc" / "resolv.conf"
    resolver.parent.mkdir(parents=True)
    # as images have it that were made for systemd
    resolver.symlink_to("/run/systemd/resolve/stub-resolv.conf")
    return image_of(("sh", "cat", "curl"), folder)


def image_of(tools: Sequence[str], folder: Path) -> Path:
    root = folder / "root"
    for name in ("golem/work", "proc", "sys", "dev", "tmp", "etc", "root"):
        (root / name).mkdir(parents=True, exist_ok=True)
    for tool in tools:
        copy_program(tool, root)
    if not (root / "bin").exists():
        (root / "bin").symlink_to("usr/bin")
    image = folder / "tiny.squashfs"
    command = ["mksquashfs", str(root), str(image), "-quiet", "-no-progress", "-noappend", "-all-root"]
    subprocess.run(command, check=True, capture_output=True)
    return image


def copy_program(name: str, root: Path) -> None:
    found = shutil.which(name)
    assert found is not None
    listed = subprocess.run(["ldd", found], capture_output=True, text=True, check=False).stdout
    for source in {found, *re.findall(r"(/\S+\.so\S*)", listed)}:
        target = root / source.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)


class Laboratory:
    """Runs the body of ``async def scenario(driver)`` in a process of its own, as an ExeUnit would."""

    def __init__(self, image: Path, work_dir: Path, name: str) -> None:
        self.image = image
        self.work_dir = work_dir
        self.name = name

    def command(self, driver: str, body: str) -> list[str]:
        program = PRELUDE.format(
            caged=driver != "bwrap",
            image=str(self.image),
            driver=driver,
            name=self.name,
            work_dir=str(self.work_dir),
            body=textwrap.indent(textwrap.dedent(body), "    "),
        )
        return [sys.executable, "-c", program]

    def run(self, driver: str, body: str) -> str:
        """What the scenario returns, as JSON."""
        command = self.command(driver, body)
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def laboratory(squashfs: Path, tmp_path: Path) -> Laboratory:
    return Laboratory(squashfs, tmp_path / "state" / "activity", f"{abs(hash(str(tmp_path))):x}")


@pytest.fixture
def laboratory_with_curl(squashfs_with_curl: Path, tmp_path: Path) -> Laboratory:
    return Laboratory(squashfs_with_curl, tmp_path / "state" / "activity", f"{abs(hash(str(tmp_path))):x}")
