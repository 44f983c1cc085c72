"""One command of a script, done in an environment."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import msgspec

from golemnet.exeunit.capture import MAX_KEPT_BYTES, CapturePlan, Text
from golemnet.exeunit.environment import Environment
from golemnet.exeunit.errors import CommandFailed
from golemnet.exeunit.private_networks import read_places
from golemnet.exeunit.progress import ProgressReporter, read_interval
from golemnet.exeunit.transfers import Progress
from golemnet.model.script import CaptureMode, Command, Deploy, Run, Sign, Start, Terminate, Transfer

Emit = Callable[[str, Any], None]


class Captured(msgspec.Struct):
    """What a result tells besides success: filled in while the command runs, kept when it fails."""

    stdout: Text | None = None
    stderr: Text | None = None
    code: int = 0


async def perform(command: Command, environment: Environment, captured: Captured, emit: Emit) -> None:
    """Do ``command``. Raises GolemError when it does not succeed, or is not permitted."""
    environment.permitted.check(command)
    match command:
        case Deploy():
            await environment.deploy(command.env, read_places(command.net), _progress(command, emit))
        case Start():
            await environment.start()
        case Run():
            await _run(command, environment, captured, emit)
        case Transfer():
            await environment.transfer(
                command.source, command.target, _progress(command, emit), command.format
            )
        case Terminate():
            await environment.stop()
        case Sign():
            raise CommandFailed(
                "This provider cannot sign results.",
                why="Signing needs an SGX enclave, which this runtime does not have.",
                next_step="Leave the command sign out.",
            )


async def _run(command: Run, environment: Environment, captured: Captured, emit: Emit) -> None:
    plans = [_plan(mode) for mode in (command.capture.stdout, command.capture.stderr)]
    outcome = await environment.run(command.entry_point, command.args, plans[0], plans[1], emit)
    captured.stdout, captured.stderr, captured.code = outcome.stdout, outcome.stderr, outcome.code
    if outcome.code != 0:
        raise CommandFailed(await environment.explain(outcome, command.entry_point))


def _progress(command: Deploy | Transfer, emit: Emit) -> Progress | None:
    asked = command.progress
    if asked is None:
        return None
    interval = read_interval(asked.update_interval)
    return ProgressReporter(lambda body: emit("progress", body), interval, asked.update_step, time.monotonic)


def _plan(mode: CaptureMode | None) -> CapturePlan:
    if mode is None:
        return CapturePlan(discard=True)
    return CapturePlan(
        part=mode.part,
        limit=MAX_KEPT_BYTES if mode.limit is None else mode.limit,
        stream=mode.stream,
        binary=mode.binary,
    )
