"""Where anvil comes from. npm is replaced by a script: what it fetches is not the question here."""

from __future__ import annotations

import asyncio
import os
import platform
import sys
from pathlib import Path

import pytest

from golemnet.chain.errors import ChainError
from golemnet.chain.install import anvil_program, find_anvil

NPM = """#!/bin/sh
while [ "$1" != --prefix ]; do shift; done
for machine in amd64 arm64 {machine}; do
  bin="$2/node_modules/@foundry-rs/anvil-{system}-$machine/bin"
  mkdir -p "$bin" && sleep 0.1 && echo anvil > "$bin/anvil"
done
exit {status}
"""


@pytest.fixture
def npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Puts an npm on PATH that ends with a status."""

    def put(status: int) -> None:
        folder = tmp_path / "bin"
        folder.mkdir()
        program = folder / "npm"
        program.write_text(NPM.format(machine=platform.machine(), system=sys.platform, status=status))
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")

    return put


async def test_several_fetch_it_at_once(npm, tmp_path: Path) -> None:
    npm(0)
    cache = tmp_path / "cache"
    assert find_anvil(cache) is None
    found = await asyncio.gather(*(anvil_program(cache) for _ in range(3)))
    assert len(set(found)) == 1
    assert found[0] == find_anvil(cache)
    assert os.listdir(cache) == ["anvil"]


async def test_a_fetch_that_fails_leaves_nothing_and_says_what_to_do(npm, tmp_path: Path) -> None:
    npm(1)
    with pytest.raises(ChainError) as caught:
        await anvil_program(tmp_path / "cache")
    assert "Install Foundry's anvil" in caught.value.next_step
    assert find_anvil(tmp_path / "cache") is None
    assert os.listdir(tmp_path / "cache") == []


async def test_one_on_the_path_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "anvil"
    program.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert await anvil_program(tmp_path / "cache") == program
