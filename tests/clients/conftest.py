"""Published client libraries in virtual environments of their own, and a network for them."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest
from images import cache_directory

HERE = Path(__file__).parent

INSTALL_TIMEOUT_S = 300
# pip's words when nothing answers at the registry's address.
UNREACHABLE = "after connection broken by"


@dataclass(frozen=True)
class PublishedClient:
    """A client library as its authors have published it, with an interpreter of its own."""

    python: Path

    async def run(
        self, folder: Path, script: Path, *arguments: str, environment: Mapping[str, str], timeout_s: float
    ) -> tuple[int, str]:
        """Run ``script`` in ``folder``; its exit status and what it has printed."""
        process = await asyncio.create_subprocess_exec(
            *(str(self.python), "-u", str(script), *arguments),
            cwd=folder,
            env=_client_environment(environment),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            output, _ = await asyncio.wait_for(process.communicate(), timeout_s)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert process.returncode is not None
        return process.returncode, output.decode(errors="replace")


@pytest.fixture(scope="session")
def install_client() -> Callable[[str], PublishedClient]:
    """Makes the client that a file of ``requirements`` names. The test is skipped without a registry."""
    return _installed


def _installed(name: str) -> PublishedClient:
    requirements = HERE / "requirements" / f"{name}.txt"
    key = sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = cache_directory().parent / "clients" / f"{name}-{key}"
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        _run([sys.executable, "-m", "venv", str(folder)])
        _install(folder, requirements)
        (folder / "complete").touch()
    return PublishedClient(folder / "bin" / "python")


def _install(folder: Path, requirements: Path) -> None:
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check"]
    done = _run([*pip, "--retries", "1", "--requirement", str(requirements)], check=False)
    said = done.stdout + done.stderr
    if done.returncode != 0 and UNREACHABLE in said:
        pytest.skip(f"{requirements.stem} is not installed, and no registry of Python packages answers")
    assert done.returncode == 0, said


def _run(command: list[str], *, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, check=check, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S)


def _client_environment(network: Mapping[str, str]) -> dict[str, str]:
    """The variables of the script's user: our gftp on PATH, our daemon's addresses, the shim."""
    api = network["YAGNA_API_URL"]
    programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    services = {
        f"YAGNA_{name.upper()}_URL": f"{api}/{name}-api/v1" for name in ("market", "payment", "activity")
    }
    return {**os.environ, **network, **services, "PATH": programs, "PYTHONPATH": str(HERE / "shims")}
