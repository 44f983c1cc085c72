"""Python client libraries, each in a virtual environment of its own."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest
from images import cache_directory
from published import JOB_TIMEOUT_S, Ended, run_program, user_environment

HERE = Path(__file__).parent
INSTALL_TIMEOUT_S = 300
# pip's words when nothing answers at the registry's address.
UNREACHABLE = "after connection broken by"
# What cannot be imported by today's Python, or asks a registry that is gone, without `shims`.
OLD = ("yapapi-0.1.5", "yapapi-0.3.1", "yapapi-0.6.3")


@dataclass(frozen=True)
class PythonClient:
    """A library with an interpreter of its own."""

    python: Path
    shims: Path | None

    async def run(
        self,
        folder: Path,
        script: Path,
        *arguments: str,
        environment: Mapping[str, str],
        timeout_s: float = JOB_TIMEOUT_S,
    ) -> Ended:
        """Run ``script`` in ``folder``."""
        variables = user_environment(environment)
        if self.shims is not None:
            variables["PYTHONPATH"] = str(self.shims)
        command = (self.python, "-W", "ignore", "-u", script, *arguments)
        return await run_program(command, folder, variables, timeout_s)


def installed_python_client(name: str) -> PythonClient:
    """The client whose packages ``requirements/<name>.txt`` lists. The test is skipped without a registry."""
    requirements = HERE / "requirements" / f"{name}.txt"
    key = sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = cache_directory().parent / "clients" / f"{name}-{key}"
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        _run([sys.executable, "-m", "venv", str(folder)])
        _install(folder, requirements)
        (folder / "complete").touch()
    return PythonClient(folder / "bin" / "python", HERE / "shims" if name in OLD else None)


def _install(folder: Path, requirements: Path) -> None:
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check"]
    done = _run([*pip, "--retries", "1", "--requirement", str(requirements)], check=False)
    said = done.stdout + done.stderr
    if done.returncode != 0 and UNREACHABLE in said:
        pytest.skip(f"{requirements.stem} is not installed, and no registry of Python packages answers")
    assert done.returncode == 0, said


def _run(command: list[str], *, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, check=check, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S)
