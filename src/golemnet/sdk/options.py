"""What a call may ask for, besides what its ``Golem`` says."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Literal, TypedDict

Restart = Literal["always", "on-failure", "never"]


class RunOptions(TypedDict, total=False):
    """Keyword arguments of any call.

    Keys:
        image: what it runs in: ``python``, ``small``, a tag, or a hash.
        workers: machines at once, for this image.
        retries: how often an item goes to another machine when one is lost, or when ``verify`` refuses.
        ordered: results in the order of the items (the default); else as they are done.
        timeout: how long a call may take on one machine; after that another one gets it.
        verify: called with (item, result); a false value or an exception sends the item elsewhere.
        replicas: each item goes to so many different providers, until so many results are the same.
        agree: whether two results are the same; by default ``==``.
        return_exceptions: what a call has raised is a result instead of the end.
        window: so many items at most are on their way between the source and the results.
        output: the folder for files that a command has made; by default the current one.
    """

    image: str
    workers: int
    retries: int
    ordered: bool
    timeout: timedelta
    verify: Callable[[Any, Any], Any] | None
    replicas: int
    agree: Callable[[Any, Any], bool] | None
    return_exceptions: bool
    window: int
    output: str | os.PathLike[str]


class Options(RunOptions, total=False):
    """Keyword arguments of ``map`` and ``starmap``.

    Keys:
        files: files of this machine that all items need. They cross once to each machine; a command finds
            them in its folder, a function in ``/golem/work``, where it runs.
    """

    files: Sequence[str | os.PathLike[str]]
