"""The same as a ``concurrent.futures.Executor``, for programs that do not use asyncio."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent import futures
from concurrent.futures import Executor, Future
from types import TracebackType
from typing import Any, ParamSpec, TypeVar

from golemnet.requestor.termination import PlainTermination
from golemnet.sdk.golem import Golem

P = ParamSpec("P")
R = TypeVar("R")


class GolemExecutor(Executor):
    """Calls functions on other people's machines.

    Args:
        budget: GLM for everything.
        **options: as of ``Golem``.

    Raises:
        GolemError: an argument makes no sense, or the budget cannot be reserved.
    """

    def __init__(self, budget: float, **options: Any) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="golem", daemon=True)
        self._pending: set[Future[Any]] = set()
        self._is_shut = False
        self._error: BaseException | None = None
        self._thread.start()
        self._termination = PlainTermination()
        try:
            self._golem = self._wait(self._open(budget, options))
        except BaseException:
            self._end()
            raise

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """The future result of one call. Raises RuntimeError after ``shutdown``, CannotTravel."""
        if self._is_shut:
            raise RuntimeError("cannot schedule new futures after shutdown")
        future = asyncio.run_coroutine_threadsafe(self._call(fn, args, kwargs), self._loop)
        self._pending.add(future)
        future.add_done_callback(self._pending.discard)
        return future

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._error = error
        # whoever interrupts the program does not want to wait for the rest
        self.shutdown(cancel_futures=isinstance(error, KeyboardInterrupt | SystemExit))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End it: after all calls, unless they are cancelled; then every provider is paid.

        ``wait=False`` waits as well: nobody else would pay.
        """
        if self._is_shut:
            return
        self._is_shut = True
        try:
            self._finish_pending(cancel_futures)
        finally:
            try:
                self._wait(self._golem.__aexit__(None, self._error, None))
            finally:
                self._end()

    def _finish_pending(self, cancel_futures: bool) -> None:
        pending = list(self._pending)
        if not cancel_futures:
            futures.wait(pending)
        for future in pending:
            future.cancel()

    async def _open(self, budget: float, options: dict[str, Any]) -> Golem:
        return await Golem(budget, **options).__aenter__()

    async def _call(self, fn: Callable[..., R], args: tuple[Any, ...], kwargs: dict[str, Any]) -> R:
        return await self._golem.submit(fn, *args, **kwargs)

    def _wait(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _end(self) -> None:
        self._termination.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
