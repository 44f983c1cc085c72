"""The Golem Network: a marketplace where computation is bought, run in isolation, and paid on a chain.

``from golemnet import Golem`` is the short way in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from golemnet.sdk.executor import GolemExecutor
    from golemnet.sdk.golem import Golem
    from golemnet.sdk.health import http, tcp

__all__ = ["Golem", "GolemExecutor", "http", "tcp"]


def __getattr__(name: str) -> Any:
    """Import what scripts want only when they want it: programs shall start quickly."""
    from importlib import import_module

    modules = {
        "Golem": "golemnet.sdk.golem",
        "GolemExecutor": "golemnet.sdk.executor",
        "http": "golemnet.sdk.health",
        "tcp": "golemnet.sdk.health",
    }
    if name not in modules:
        raise AttributeError(f"module 'golemnet' has no attribute {name!r}")
    return getattr(import_module(modules[name]), name)
