"""The API that scripts for Golem are written against; all of it is a door to ``golemnet.requestor``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from golemnet.requestor.published.context import ExecOptions, WorkContext
    from golemnet.requestor.published.errors import NoPaymentAccountError
    from golemnet.requestor.published.tasks import Task
    from golemnet.sdk.published_golem import Golem

    __version__: str

__all__ = [
    "ExecOptions",
    "Golem",
    "NoPaymentAccountError",
    "Task",
    "WorkContext",
    "__version__",
    "get_version",
    "windows_event_loop_fix",
]

_NAMES = {
    "ExecOptions": "yapapi.ctx",
    "Golem": "yapapi.golem",
    "NoPaymentAccountError": "yapapi.engine",
    "Task": "yapapi.executor",
    "WorkContext": "yapapi.ctx",
}
_MODULES = """
    config ctx engine events executor golem log network payload props rest runner script services strategy
    utils
"""


def get_version() -> str:
    """The version of this package."""
    from importlib.metadata import version

    return version("golemnet")


def windows_event_loop_fix() -> None:
    """Nothing needs to be fixed since Python 3.8; scripts of before call it."""


def __getattr__(name: str) -> Any:
    """Import what scripts want only when they want it."""
    from importlib import import_module

    if name == "__version__":
        return get_version()
    if name in _MODULES.split():
        return import_module(f"yapapi.{name}")
    if name not in _NAMES:
        raise AttributeError(f"module 'yapapi' has no attribute {name!r}")
    return getattr(import_module(_NAMES[name]), name)
