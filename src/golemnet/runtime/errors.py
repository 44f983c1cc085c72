"""What can go wrong when a payload is run."""

from __future__ import annotations

from golemnet.errors import GolemError


class RuntimeFailure(GolemError):
    """Base: the runtime could not do what it was asked to."""


class NoRuntime(RuntimeFailure):
    """No driver on this machine can isolate a program; nothing is ever run without a wall instead."""


class StorageFull(RuntimeFailure):
    """The storage that the agreement grants, or the provider's disk, is used up."""


class PathRefused(RuntimeFailure):
    """A path is outside of the volumes, leads out of them, or is not a plain file."""
