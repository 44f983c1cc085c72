"""The JavaScript client libraries, in one folder of node modules."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest
from images import cache_directory
from published import JOB_TIMEOUT_S, Ended, run_program, user_environment

PACKAGES = Path(__file__).parent / "packages"
LISTS = ("package.json", "package-lock.json")
OLDEST_NODE = 18
INSTALL_TIMEOUT_S = 300
# npm's codes when no registry answers.
UNREACHABLE = re.compile(r"code (ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH)")


@dataclass(frozen=True)
class NpmClients:
    """Packages below ``modules``, and the node that runs them."""

    node: str
    modules: Path

    async def run(
        self,
        folder: Path,
        script: Path,
        *arguments: str,
        environment: Mapping[str, str],
        timeout_s: float = JOB_TIMEOUT_S,
    ) -> Ended:
        """Run a copy of ``script`` in ``folder``: node looks for modules where the script is."""
        (folder / "node_modules").symlink_to(self.modules)
        shutil.copy(script, folder)
        command = (self.node, script.name, *arguments)
        return await run_program(command, folder, user_environment(environment), timeout_s)

    async def golem_sdk(
        self, folder: Path, *arguments: str, environment: Mapping[str, str], timeout_s: float = JOB_TIMEOUT_S
    ) -> Ended:
        """Run the program ``golem-sdk`` in ``folder``."""
        command = (self.node, self.modules / ".bin" / "golem-sdk", *arguments)
        return await run_program(command, folder, user_environment(environment), timeout_s)


def installed_npm_clients() -> NpmClients:
    """The clients that ``packages`` lists. The test is skipped without node, npm or a registry."""
    node = _node()
    contents = b"".join((PACKAGES / name).read_bytes() for name in LISTS)
    folder = cache_directory().parent / "clients" / f"npm-{sha256(contents).hexdigest()[:12]}"
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        _install(folder)
        (folder / "complete").touch()
    return NpmClients(node, folder / "node_modules")


def _node() -> str:
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        pytest.skip("there is no node with npm on PATH")
    said = subprocess.run([node, "--version"], check=True, capture_output=True, text=True, timeout=30).stdout
    if int(said.removeprefix("v").split(".")[0]) < OLDEST_NODE:
        pytest.skip(f"node is {said.strip()}; the clients need {OLDEST_NODE}")
    return node


def _install(folder: Path) -> None:
    for name in LISTS:
        shutil.copy(PACKAGES / name, folder)
    command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=1"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S)
    said = done.stdout + done.stderr
    if done.returncode != 0 and UNREACHABLE.search(said):
        pytest.skip("the JavaScript clients are not installed, and no registry of npm packages answers")
    assert done.returncode == 0, said
