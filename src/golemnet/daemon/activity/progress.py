"""How far the batches that were active last have come, in memory: it spares most looks into the database."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from golemnet.rest.activity import ExeScriptCommandResult

MAX_BATCHES = 4096

Key = tuple[str, str]


class Progress:
    """The index of the last result that is stored, of each batch; the one used longest ago makes room."""

    def __init__(self) -> None:
        self._last: OrderedDict[Key, int] = OrderedDict()
        self._finished: set[Key] = set()

    def begin(self, key: Key) -> None:
        """A batch was accepted; it has no results."""
        self._last[key] = -1
        if len(self._last) > MAX_BATCHES:
            oldest, _ = self._last.popitem(last=False)
            self._finished.discard(oldest)

    def add(self, key: Key, results: Iterable[ExeScriptCommandResult]) -> None:
        """These results are stored now."""
        if key not in self._last:
            return
        for result in results:
            self._last[key] = max(self._last[key], result.index)
            if result.is_batch_finished:
                self._finished.add(key)

    def knows(self, key: Key) -> bool:
        """Whether the batch is one of those."""
        return key in self._last

    def lacks(self, key: Key, wanted: int | None) -> bool:
        """Whether it is certain that result ``wanted`` (None: the last one) is not stored yet."""
        if key not in self._last or key in self._finished:
            return False
        return wanted is None or self._last[key] < wanted
