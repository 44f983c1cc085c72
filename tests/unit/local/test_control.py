"""The supervisor's door, and that there is one supervisor a directory."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from golemnet.errors import GolemError
from golemnet.local import control, lock
from golemnet.local.layout import Layout
from golemnet.local.messages import NetworkState, ProcessState, Request
from golemnet.local.plan import Choices

STATE = NetworkState(Choices(), [ProcessState("chain", "chain", 7, None, True, {})], {"A": "1"})


async def answer(request: Request) -> NetworkState | None:
    if request.do == "restart":
        raise GolemError(f"There is no {request.name}.", next_step="Look again.")
    return STATE


@pytest.fixture
async def layout(tmp_path: Path) -> AsyncIterator[Layout]:
    layout = Layout(tmp_path)
    server = await control.serve(layout.control_socket, answer)
    yield layout
    server.close()


async def test_state_is_told(layout: Layout):
    assert await control.ask(layout, Request("state")) == STATE


async def test_errors_travel(layout: Layout):
    with pytest.raises(GolemError, match=r"There is no x\. Look again\."):
        await control.ask(layout, Request("restart", "x"))


async def test_nobody_there_says_how_to_start(tmp_path: Path):
    with pytest.raises(GolemError, match="golem local up"):
        await control.ask(Layout(tmp_path), Request("state"))
    assert not await control.stop(Layout(tmp_path), 1.0)


async def test_a_stale_socket_is_replaced(layout: Layout):
    other = await control.serve(layout.control_socket, answer)
    assert await control.ask(layout, Request("state")) == STATE
    other.close()


def test_a_directory_has_one_supervisor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(lock, "PATIENCE_S", 0.1)
    layout = Layout(tmp_path)
    refused = pytest.raises(GolemError, match="golem local down")
    with lock.only_one(layout), refused, lock.only_one(layout):
        pass
    with lock.only_one(layout):
        pass


@pytest.mark.parametrize(
    ("pid", "ended", "ready", "word"),
    [
        (1, None, True, "ready"),
        (1, None, False, "starting"),
        (None, None, False, "waiting"),
        (None, -9, True, "ended (-9)"),
    ],
)
def test_state_in_a_word(pid: int | None, ended: int | None, ready: bool, word: str):
    assert ProcessState("x", "agent", pid, ended, ready, {}).state == word
