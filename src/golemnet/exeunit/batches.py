"""Scripts, one after the other: each command gives a result, the first error ends its script."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from golemnet.clock import Clock
from golemnet.errors import GolemError
from golemnet.exeunit.capture import Text
from golemnet.exeunit.commands import Captured, perform
from golemnet.exeunit.environment import Environment
from golemnet.exeunit.states import State, after
from golemnet.model.script import Command, command_to_json, parse_script
from golemnet.rest.activity import ExeScriptCommandResult
from golemnet.rest.exeunit import Event, ExecBatch, FromUnit, Result

MAX_MESSAGE: Final = 4000
MAX_KNOWN_BATCHES: Final = 100_000

log = logging.getLogger(__name__)


class Batches:
    """Runs the batches of one activity.

    Args:
        environment: where commands act.
        put: takes events and results.
        change_state: told of each state that a command has led to.
        clock: dates results and events.
    """

    def __init__(
        self,
        environment: Environment,
        put: Callable[[FromUnit], None],
        change_state: Callable[[State], None],
        clock: Clock,
    ) -> None:
        self._environment = environment
        self._put = put
        self._change_state = change_state
        self._clock = clock
        self._waiting: asyncio.Queue[ExecBatch] = asyncio.Queue()
        self._known: dict[str, None] = {}
        self.state = State.INITIALIZED

    @property
    def known(self) -> list[str]:
        """Ids of the batches that were taken."""
        return list(self._known)

    def submit(self, batch: ExecBatch) -> None:
        """Take a batch, to be run after those before it; one that is known is ignored."""
        if batch.batch_id in self._known or len(self._known) >= MAX_KNOWN_BATCHES:
            return
        self._known[batch.batch_id] = None
        self._waiting.put_nowait(batch)

    async def run(self) -> None:
        """Work until cancelled or terminated by a script."""
        while self.state is not State.TERMINATED:
            batch = await self._waiting.get()
            try:
                commands = parse_script(batch.script_json)
            except ValueError as error:
                self._finish(batch.batch_id, 0, Captured(), last=True, error=f"The script is wrong: {error}")
                continue
            await self._run_commands(batch.batch_id, commands)

    async def _run_commands(self, batch_id: str, commands: Sequence[Command]) -> None:
        for index, command in enumerate(commands):
            last = index == len(commands) - 1
            if not await self._run_command(batch_id, index, command, last=last):
                return

    async def _run_command(self, batch_id: str, index: int, command: Command, *, last: bool) -> bool:
        """Whether the command succeeded, so that the next one may run."""
        as_json = command_to_json(command)
        self._emit(batch_id, index, {"started": {"command": as_json}})
        captured = Captured()
        try:
            following = after(self.state, next(iter(as_json)))
            await perform(command, self._environment, captured, self._emitter(batch_id, index))
        except asyncio.CancelledError:
            self._finish(batch_id, index, captured, last=True, error="The activity was ended meanwhile.")
            raise
        except Exception as error:
            self._finish(batch_id, index, captured, last=True, error=_message(error))
            return False
        # the state first: who has seen the result may rely on it
        self._enter(following)
        self._finish(batch_id, index, captured, last=last)
        return True

    def _enter(self, state: State) -> None:
        if state is not self.state:
            self.state = state
            self._change_state(state)

    def _finish(
        self, batch_id: str, index: int, captured: Captured, *, last: bool, error: str | None = None
    ) -> None:
        code = captured.code or (0 if error is None else 1)
        self._emit(batch_id, index, {"finished": {"return_code": code, "message": error}})
        result = ExeScriptCommandResult(
            index=index,
            event_date=self._clock.now(),
            result="Ok" if error is None else "Error",
            stdout=captured.stdout,
            stderr=captured.stderr,
            message=error[:MAX_MESSAGE] if error else None,
            is_batch_finished=last,
        )
        self._put(Result(batch_id, result))

    def _emitter(self, batch_id: str, index: int) -> Callable[[str, Any], None]:
        return lambda kind, value: self._emit(batch_id, index, {kind: value})

    def _emit(self, batch_id: str, index: int, kind: dict[str, Text | Any]) -> None:
        self._put(Event(batch_id, index, self._clock.now(), kind))


def _message(error: Exception) -> str:
    if isinstance(error, GolemError):
        return str(error)
    if isinstance(error, OSError | msgspec.MsgspecError):
        return f"The provider failed: {error}"
    log.exception("command_broke", exc_info=error)
    return f"The provider failed: {type(error).__name__}."
