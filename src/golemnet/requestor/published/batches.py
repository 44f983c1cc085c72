"""Executing one script in an activity: sent, followed, concluded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

from golemnet.requestor.errors import ProviderLost
from golemnet.requestor.published import events
from golemnet.requestor.published.commands import BatchCommand
from golemnet.requestor.published.errors import BatchTimeoutError
from golemnet.requestor.published.events import CommandEvent
from golemnet.requestor.published.script import Script
from golemnet.requestor.session import POLL_S, Session
from golemnet.rest.activity import ExeScriptCommandResult, RuntimeEvent
from golemnet.rest.errors import ApiError

Results = Awaitable[list[CommandEvent]]
ScriptGenerator = AsyncGenerator[Script, Results]
Happening = tuple[type[CommandEvent], dict[str, Any]]
T = TypeVar("T")


class Executor:
    """Executes the scripts of one activity.

    Args:
        session: the activity.
        streams: whether output and progress are heard of while commands run.
    """

    def __init__(self, session: Session, streams: bool) -> None:
        self._session = session
        self._streams = streams
        self._running: set[asyncio.Task[list[CommandEvent]]] = set()

    async def submit(self, script: Script) -> Results:
        """Send a script; waits for its end unless the script does not want that.

        Raises:
            CommandExecutionError: a command has failed.
            BatchTimeoutError: it took longer than the script's own timeout.
            ProviderLost: the provider is gone.
        """
        work = asyncio.create_task(self._execute(script))
        self._running.add(work)
        work.add_done_callback(self._running.discard)
        if script.wait_for_results:
            await work
        return work

    def close(self) -> None:
        """End those that nobody has waited for."""
        for work in self._running:
            work.cancel()

    async def _execute(self, script: Script) -> list[CommandEvent]:
        timeout_s = None if script.timeout is None else script.timeout.total_seconds()
        commands = await script.prepare()
        if not commands:
            return []
        limit = asyncio.timeout(timeout_s)
        try:
            async with limit:
                results = await self._run(script, commands)
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise BatchTimeoutError(f"{script} took longer than {timeout_s:g} s.") from error
        await script.conclude()
        return results

    async def _run(self, script: Script, commands: list[BatchCommand]) -> list[CommandEvent]:
        session = self._session
        batch_id = await session.order(
            lambda: session.client.activity.exec(session.activity_id, [dict(each) for each in commands])
        )
        script.emit(events.ScriptSent)
        script.emit(events.GettingResults)
        follow = self._stream if self._streams else self._poll
        results: list[CommandEvent] = []
        async for event_class, kwargs in follow(batch_id, len(commands)):
            event = script.process_batch_event(event_class, kwargs)
            if isinstance(event, events.CommandExecuted):
                results.append(event)
        if len(results) < len(commands):
            raise ProviderLost("The provider ended a script early.", activity_id=session.activity_id)
        script.emit(events.ScriptFinished)
        return results

    async def _poll(self, batch_id: str, count: int) -> AsyncIterator[Happening]:
        """Results as they are there; each is asked for as soon as the one before is known."""
        session, known = self._session, 0
        read = session.client.activity.batch_results
        while True:
            results = await session.ask(
                partial(read, session.activity_id, batch_id, timeout_s=POLL_S, command_index=known)
            )
            for result in results[known:]:
                yield events.CommandExecuted, _executed(result)
            known = max(known, len(results))
            if known >= count or (results and results[-1].is_batch_finished):
                return

    async def _stream(self, batch_id: str, count: int) -> AsyncIterator[Happening]:
        """What the commands write, as they do; the results have all of it as well."""
        written: dict[int, dict[str, str]] = {}
        try:
            session = self._session
            async for event in session.client.activity.stream_batch(session.activity_id, batch_id):
                yield _happening(event, written.setdefault(event.index, {"stdout": "", "stderr": ""}))
        except ApiError as error:
            raise ProviderLost("The provider is lost.", why=str(error)) from error


async def drive(generator: ScriptGenerator, submit: Callable[[Script], Awaitable[Results]]) -> None:
    """Have everything executed that a generator yields, and tell it how that went.

    Raises:
        ProviderLost: the generator does not hear of it.
        Exception: whatever the generator lets through.
    """
    try:
        script = await anext(generator)
        while True:
            try:
                results = await submit(script)
            except ProviderLost:
                raise
            except Exception as error:
                script = await generator.athrow(error)
            else:
                script = await generator.asend(results)
    except StopAsyncIteration:
        return


def _executed(result: ExeScriptCommandResult) -> dict[str, Any]:
    return {
        "cmd_idx": result.index,
        "success": result.result == "Ok",
        "message": result.message or "",
        "stdout": _text(result.stdout),
        "stderr": _text(result.stderr),
    }


def _text(output: str | list[int] | None) -> Any:
    """Text as it is; with binary capture the bytes."""
    return bytes(each & 0xFF for each in output) if isinstance(output, list) else output


def _happening(event: RuntimeEvent, written: dict[str, str]) -> Happening:
    """An event of the stream; what was written until then is noted in ``written``."""
    [(kind, body)] = event.kind.items()
    index = {"cmd_idx": event.index}
    match kind:
        case "started":
            return events.CommandStarted, index
        case "stdout" | "stderr":
            text = body if isinstance(body, str) else str(_text(body))
            written[kind] += text
            is_out = kind == "stdout"
            return events.CommandStdOut if is_out else events.CommandStdErr, {**index, "output": text}
        case "progress":
            return events.CommandProgress, {**index, **_progress(body)}
        case _:
            success = body.get("return_code") == 0
            more = {"success": success, "message": body.get("message") or ""}
            return events.CommandExecuted, {**index, **more, **written}


def _progress(body: dict[str, Any]) -> dict[str, Any]:
    step, progress = body.get("step") or (0, 0), body.get("progress") or (0, None)
    return {
        "step": (step[0], step[1]),
        "message": body.get("message"),
        "progress": (progress[0], progress[1]),
        "unit": body.get("unit"),
    }
