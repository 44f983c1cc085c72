"""One activity at one provider: opened, given batches, closed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import msgspec

from golemnet.clock import Clock
from golemnet.requestor.errors import CommandFailed, ProviderLost
from golemnet.requestor.market import Deal
from golemnet.requestor.steps import Command, Files, describe, prepare
from golemnet.requestor.work_context import Work
from golemnet.rest.activity import ExeScriptCommandResult
from golemnet.rest.client import Client
from golemnet.rest.errors import ApiError, GatewayTimeout
from golemnet.rest.transport import DaemonHangs, DaemonUnreachable

CREATE_S = 60.0
POLL_S = 20.0
CLOSE_S = 5.0
DAEMON_AWAY_S = 60.0
PAUSE_S = 0.5
SUCCESS = {"message": "The work is done.", "golem.requestor.code": "Success"}
MAX_COMMAND, MAX_OUTPUT = 120, 1000
BEGIN: list[Command] = [{"deploy": {}}, {"start": {}}]

T = TypeVar("T")


class CommandResult(msgspec.Struct, frozen=True):
    """What a command of a batch came to."""

    index: int
    command: str
    success: bool
    stdout: str
    stderr: str
    message: str


class Session:
    """An activity. Each method raises ProviderLost when the provider is gone.

    Args:
        client: our daemon.
        clock: time.
        deal: the agreement.
        files: shares what batches send.
    """

    def __init__(self, client: Client, clock: Clock, deal: Deal, files: Files) -> None:
        self.client = client
        self._clock = clock
        self.files = files
        self._is_begun = False
        self.is_gone = False
        # one that is kept goes on without us: somebody else will end it
        self.is_kept = False
        self.reason: dict[str, Any] = SUCCESS
        self.deal = deal
        self.activity_id = ""

    async def open(self) -> None:
        """Create the activity; the container is set up by the first batch."""
        create = self.client.activity.create_activity
        self.activity_id = await self.order(lambda: create(self.deal.agreement_id, timeout_s=CREATE_S))

    async def execute(self, work: Work) -> list[CommandResult]:
        """Run a batch to its end.

        Raises:
            CommandFailed: a command of it has failed.
            TimeoutError: it took longer than the work's own timeout.
        """
        prepared = await prepare(work.steps, self.files)
        commands = prepared.commands
        begin: list[Command] = []
        if not self._is_begun:
            self._is_begun = True
            # a limit is for the work: how long it takes to fetch an image is not the script's fault
            begin = BEGIN if work.timeout is None else await self._begin()
        try:
            results = await self._bounded(work, [*begin, *commands])
        finally:
            for url in prepared.urls:
                await self.files.close(url)
        own = results[len(begin) :]
        return [msgspec.structs.replace(each, index=each.index - len(begin)) for each in own]

    async def _begin(self) -> list[Command]:
        await self._run(BEGIN)
        return []

    async def _bounded(self, work: Work, commands: list[Command]) -> list[CommandResult]:
        timeout_s = None if work.timeout is None else work.timeout.total_seconds()
        async with asyncio.timeout(timeout_s) as limit:
            if work.leash is None:
                return await self._run(commands)
            work.leash.limit = limit
            try:
                return await self._run(commands)
            finally:
                work.leash.limit = None

    async def close(self) -> None:
        """End activity and agreement; the provider sends its invoice then."""
        activity, market = self.client.activity, self.client.market
        try:
            if self.activity_id:
                await activity.destroy_activity(self.activity_id, timeout_s=CLOSE_S)
        except (ApiError, DaemonUnreachable) as error:
            self.is_gone = isinstance(error, GatewayTimeout)
        with suppress(ApiError, DaemonUnreachable):
            await market.terminate_agreement(self.deal.agreement_id, self.reason)

    async def _run(self, commands: list[Command]) -> list[CommandResult]:
        if not commands:
            return []
        activity = self.client.activity
        batch_id = await self.order(lambda: activity.exec(self.activity_id, commands))
        results = await self._results(batch_id, len(commands))
        found = [_result(result, commands) for result in results]
        for result in found:
            if not result.success:
                raise _failure(result, self.deal)
        if len(found) < len(commands):
            raise ProviderLost("The provider ended a batch early.", activity_id=self.activity_id)
        return found

    async def _results(self, batch_id: str, count: int) -> Sequence[ExeScriptCommandResult]:
        read = self.client.activity.batch_results
        while True:
            results = await self.ask(
                lambda: read(self.activity_id, batch_id, timeout_s=POLL_S, command_index=count - 1)
            )
            if results and results[-1].is_batch_finished:
                return results

    async def order(self, call: Callable[[], Awaitable[T]]) -> T:
        """Ask for what shall not be done twice."""

        async def once() -> T:
            try:
                return await call()
            except DaemonHangs as error:
                raise ProviderLost("Nobody knows what the provider was told.", why=error.what) from error

        return await self.ask(once)

    async def ask(self, call: Callable[[], Awaitable[T]]) -> T:
        """Ask the daemon; one that is away for a while is waited for."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + DAEMON_AWAY_S
        while True:
            try:
                return await call()
            except DaemonUnreachable:
                if loop.time() > deadline:
                    raise
                await self._clock.sleep(PAUSE_S)
            except ApiError as error:
                raise ProviderLost("The provider is lost.", why=str(error)) from error


def _result(result: ExeScriptCommandResult, commands: Sequence[Command]) -> CommandResult:
    in_range = 0 <= result.index < len(commands)
    return CommandResult(
        result.index,
        describe(commands[result.index]) if in_range else "?",
        result.result == "Ok",
        _text(result.stdout),
        _text(result.stderr),
        result.message or "",
    )


def _text(output: str | list[int] | None) -> str:
    if isinstance(output, list):
        return bytes(each & 0xFF for each in output).decode(errors="replace")
    return output or ""


def _failure(result: CommandResult, deal: Deal) -> CommandFailed:
    command, why = _shortened(result.command, MAX_COMMAND), _reason(result)
    return CommandFailed(
        f"`{command}` failed at {deal.candidate.provider_name}.",
        why=why,
        problem=f"`{command}` failed. {why}",
        stdout=result.stdout,
        stderr=result.stderr,
    )


def _reason(result: CommandResult) -> str:
    """The provider's message, and what the command has written if that does not quote it."""
    written = (result.stderr or result.stdout).strip()
    quoted = written[-MAX_COMMAND:] in result.message
    return _shortened(result.message if quoted else f"{result.message} {written}".strip(), MAX_OUTPUT)


def _shortened(text: str, length: int) -> str:
    """``text`` without its middle if it is too long: what matters stands at the beginning or at the end."""
    half = length // 2
    return text if len(text) <= length else f"{text[:half]} ... {text[-half:]}"
