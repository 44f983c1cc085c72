"""joblib on other machines: ``register()``, then ``joblib.parallel_config("golem", budget=1.0)``."""

# joblib says nothing of types, and what is guessed of its empty methods is wrong
# pyright: reportIncompatibleMethodOverride=false

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

from golemnet.errors import GolemError
from golemnet.sdk.executor import GolemExecutor

try:
    from joblib.parallel import ParallelBackendBase, register_parallel_backend
except ImportError as error:
    raise GolemError("joblib is not installed.", next_step="pip install joblib") from error

USUAL_WORKERS = 5
Batch = Sequence[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]]


def register() -> None:
    """Let joblib know the backend ``golem``."""
    register_parallel_backend("golem", GolemBackend)


def _call_all(batch: Batch) -> list[Any]:
    return [function(*positional, **named) for function, positional, named in batch]


# It travels as the user's own functions do: nothing of ours is in an image.
_call_all.__module__ = "__main__"


class GolemBackend(ParallelBackendBase):
    """Calls of ``joblib.Parallel`` at providers; ``n_jobs`` says how many at once.

    Args:
        budget: GLM for each ``Parallel``.
        **options: as of ``Golem``; ``workers`` is what ``n_jobs=-1`` means.
    """

    supports_retrieve_callback = True

    def __init__(
        self,
        nesting_level: int | None = None,
        *,
        budget: float = 1.0,
        workers: int = USUAL_WORKERS,
        **options: Any,
    ) -> None:
        super().__init__(nesting_level=nesting_level)
        self._budget = budget
        self._workers = workers
        self._options = options
        self._executor: GolemExecutor | None = None

    def effective_n_jobs(self, n_jobs: int | None) -> int:
        """At so many machines at once."""
        return n_jobs if n_jobs is not None and n_jobs > 0 else self._workers

    def configure(self, n_jobs: int = 1, parallel: Any = None, **_: Any) -> int:
        """Reserve the budget."""
        self.parallel = parallel
        workers = self.effective_n_jobs(n_jobs)
        self._executor = GolemExecutor(self._budget, workers=workers, **self._options)
        return workers

    def submit(self, func: Any, callback: Callable[[Any], Any] | None = None) -> Future[list[Any]]:
        """The future results of a batch."""
        assert self._executor is not None
        future = self._executor.submit(_call_all, list(func.items))
        if callback is not None:
            future.add_done_callback(callback)
        return future

    def retrieve_result_callback(self, out: Future[list[Any]]) -> list[Any]:
        """The results of a batch, or what one of its calls has raised."""
        return out.result()

    def abort_everything(self, ensure_ready: bool = True) -> None:
        """A call has failed: the others need not be done."""
        self._shut(cancel=True)
        if ensure_ready:
            self.configure(self.parallel.n_jobs, self.parallel)

    def terminate(self) -> None:
        """Pay the providers."""
        self._shut(cancel=False)

    def _shut(self, cancel: bool) -> None:
        executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown(cancel_futures=cancel)
