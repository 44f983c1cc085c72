"""What any ``Golem`` can do with functions and commands: ``map``, ``starmap``, ``submit``, ``run``."""

from __future__ import annotations

import asyncio
import os
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable, Sequence
from contextlib import aclosing
from functools import cached_property
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, Unpack, overload

from golemnet.requestor.events import Event
from golemnet.sdk.arguments import check, check_options, check_text
from golemnet.sdk.calls import Call, Kind, Outcome
from golemnet.sdk.commands import CommandKind, Finished, OneCommand, check_output
from golemnet.sdk.common_files import CommonFile, common_files
from golemnet.sdk.functions import FunctionKind
from golemnet.sdk.options import Options, RunOptions
from golemnet.sdk.packing import pack_call, pack_function
from golemnet.sdk.pool import Pool, value_of
from golemnet.sdk.replicas import Replicas
from golemnet.sdk.stream import Stream

MIN_WINDOW, WINDOW_PER_WORKER = 256, 32

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R")
Items = Iterable[T] | AsyncIterable[T]


class Caller(ABC):
    """Gives calls to the workers of an image; subclasses say where these are bought.

    ``_workers`` machines at most are used at once, and a call goes to another one ``_retries`` times, unless
    it says otherwise; ``_trusted`` are the classes, besides plain data, that results may hold.
    """

    _workers: int = 5
    _retries: int = 3
    _trusted: Sequence[type] = ()

    @cached_property
    def _functions(self) -> dict[tuple[str, tuple[CommonFile, ...]], FunctionKind]:
        return {}

    @cached_property
    def _submitted(self) -> set[asyncio.Task[Any]]:
        return set()

    async def _all_submitted(self) -> None:
        """Wait for the calls that nobody has waited for."""
        while self._submitted:
            await asyncio.wait(self._submitted)

    @abstractmethod
    def _hear(self, event: Event) -> None:
        """Something has happened to a call."""

    @abstractmethod
    async def _pool(self, options: RunOptions, needs_python: bool) -> Pool:
        """The workers for a call."""

    def _start(self, pool: Pool, call: Call, options: RunOptions) -> asyncio.Future[Outcome]:
        """Begin with a call."""
        return self._ask(pool, call, options)

    @overload
    def map(
        self, work: str, items: Items[Any], **options: Unpack[Options]
    ) -> AsyncGenerator[Finished, None]: ...

    @overload
    def map(
        self, work: Callable[[T], R], items: Items[T], **options: Unpack[Options]
    ) -> AsyncGenerator[R, None]: ...

    def map(
        self, work: str | Callable[[Any], Any], items: Items[Any], **options: Unpack[Options]
    ) -> AsyncGenerator[Any, None]:
        """The results of ``work`` for each item, as an asynchronous iterator.

        Args:
            work: a function of one argument, or a shell command in which ``{}`` stands for the item.
            items: any iterable, also an asynchronous or endless one; it is read as far as is needed.
            options: see ``Options``.

        Raises:
            WrongArgument: an argument makes no sense.
            CannotTravel: the function or an argument cannot be sent.
            TaskFailed: an item failed at all the providers that tried it.
            RunTimeout, BudgetExhausted: a limit of this Golem is reached.
            ShellFailed: a command has ended with another status than 0.
            Exception: what the function has raised, with its remote traceback.
        """
        check_options(options)
        check(items=items)
        if isinstance(work, str):
            check_text(work)
            command = CommandKind(work, _output(options), common_files(options.get("files", ())))
            return self._map(command, command.files, items, options)
        function = self._function(work, options.get("files", ()))
        return self._map(function, lambda item: pack_call(function.name, [item], {}), items, options)

    def starmap(
        self, work: Callable[..., R], items: Items[Iterable[Any]], **options: Unpack[Options]
    ) -> AsyncGenerator[R, None]:
        """The same as ``map`` for a function of several arguments: ``work(*item)``."""
        check_options(options)
        check(items=items)
        function = self._function(work, options.get("files", ()))
        return self._map(function, lambda item: pack_call(function.name, tuple(item), {}), items, options)

    def submit(self, work: Callable[P, R], *positional: P.args, **named: P.kwargs) -> asyncio.Task[R]:
        """One call, which begins at once; await its result. The end of this ``Golem`` waits for it, too."""
        function = self._function(work)
        item = positional[0] if len(positional) == 1 and not named else (positional, named)
        call = Call(function, item, pack_call(function.name, positional, named))
        task = asyncio.create_task(self._one(call, {}))
        self._submitted.add(task)
        task.add_done_callback(self._submitted.discard)
        return task

    async def run(
        self,
        command: str,
        files: Sequence[str | os.PathLike[str]] = (),
        *,
        stdin: str | os.PathLike[str] | None = None,
        **options: Unpack[RunOptions],
    ) -> Finished:
        """One shell command, with these files in its folder, and one as its input. Raises ShellFailed."""
        check_options(options)
        check_text(command)
        check(files=files, stdin=stdin)
        sent = [each.path for each in common_files([*files, *([] if stdin is None else [stdin])])]
        kind = OneCommand(command, _output(options), "" if stdin is None else sent[-1].name)
        return await self._one(Call(kind, command, sent, None, _seconds(options)), options)

    # -- inside --------------------------------------------------------------------------------------------

    def _function(
        self, work: Callable[..., Any], files: Sequence[str | os.PathLike[str]] = ()
    ) -> FunctionKind:
        """A function is packed anew for each map: what it refers to may have changed."""
        common = common_files(files)
        kind = FunctionKind(pack_function(work), self._trusted, common)
        return self._functions.setdefault((kind.function.key, common), kind)

    async def _one(self, call: Call, options: RunOptions) -> Any:
        pool = await self._pool(options, isinstance(call.kind, FunctionKind))
        return value_of(await self._start(pool, call, options))

    async def _map(
        self, kind: Kind, pack: Callable[[Any], Any], items: Items[Any], options: Options
    ) -> AsyncGenerator[Any, None]:
        pool = await self._pool(options, isinstance(kind, FunctionKind))
        verify, catches = options.get("verify"), options.get("return_exceptions", False)
        workers, limit_s = options.get("workers", self._workers), _seconds(options)
        stream = Stream(
            items,
            lambda item: self._start(pool, Call(kind, item, pack(item), verify, limit_s), options),
            options.get("window", max(MIN_WINDOW, WINDOW_PER_WORKER * workers)),
            options.get("ordered", True),
        )
        async with aclosing(stream.results()) as results:
            async for future in results:
                error = _error(future) if catches else None
                yield value_of(future.result()) if error is None else error

    def _ask(self, pool: Pool, call: Call, options: RunOptions) -> asyncio.Future[Outcome]:
        attempts = options.get("retries", self._retries) + 1
        replicas = options.get("replicas", 1)
        if replicas == 1:
            return pool.submit(call, attempts)
        copies = Replicas(replicas, attempts, options.get("agree"), self._hear)
        return asyncio.ensure_future(copies.call(pool, call, attempts))


def _output(options: Options | RunOptions) -> str | os.PathLike[str]:
    """The folder for what commands make. Raises GolemError if it cannot be that."""
    output = options.get("output", ".")
    check_output(Path(output))
    return output


def _seconds(options: RunOptions) -> float | None:
    timeout = options.get("timeout")
    return None if timeout is None else timeout.total_seconds()


def _error(future: asyncio.Future[Outcome]) -> BaseException | None:
    """What a call has raised, there or on its way. What ends the program is none of that."""
    error = future.exception() or future.result().error
    return error if isinstance(error, Exception) else None
