"""Telling whether a call is the same as one of an earlier run: by its function's code and its arguments."""

from __future__ import annotations

import functools
import inspect
import pickle
from collections.abc import Callable, Collection
from hashlib import sha256
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

_PLAIN = (bool, int, float, complex, str, bytes, type(None))
MAX_DEPTH = 50
FileIdentity = tuple[str, int, int]


def function_identity(function: Callable[..., Any], modules: Collection[str]) -> str:
    """A hash of a function's code, of the helpers that it calls, and of the plain values that it uses.

    Bytes of cloudpickle do not serve: they differ from process to process.

    Args:
        function: the function.
        modules: modules of the user's own; what others define is taken as it is named.
    """
    return sha256(repr(_told(function, frozenset(modules), ())).encode()).hexdigest()


def value_identity(value: Any) -> bytes | None:
    """The same bytes for the same value, in most cases; None if it cannot be told."""
    try:
        return sha256(pickle.dumps(value, 5)).digest()
    except Exception:
        return None


def file_identity(path: Path) -> FileIdentity:
    """What tells a file from others, and from what it was before: path, bytes, and time of change in ns."""
    facts = path.stat()
    return str(path), facts.st_size, facts.st_mtime_ns


def _told(value: Any, modules: frozenset[str], seen: tuple[Any, ...]) -> Any:
    if isinstance(value, functools.partial):
        inner: Any = value
        return _told(inner.func, modules, seen), _plain(inner.args), _plain(inner.keywords)
    if not isinstance(value, FunctionType) or value.__module__ not in modules:
        return _plain(value)
    if value in seen or len(seen) > MAX_DEPTH:
        return value.__qualname__
    used = inspect.getclosurevars(value)
    names = {**used.nonlocals, **used.globals}
    helpers = {name: _told(each, modules, (*seen, value)) for name, each in sorted(names.items())}
    return value.__qualname__, _code(value.__code__), _plain(value.__defaults__), helpers


def _code(code: CodeType) -> Any:
    """What a function does, without where it stands in its file."""
    constants = [_code(each) if isinstance(each, CodeType) else _plain(each) for each in code.co_consts]
    return code.co_code, code.co_names, code.co_varnames, constants


def _plain(value: Any) -> Any:
    """A value as text that is the same in every process."""
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    if isinstance(value, set | frozenset):
        return sorted(repr(_plain(each)) for each in value)
    if isinstance(value, dict):
        return [(_plain(key), _plain(each)) for key, each in value.items()]
    return getattr(value, "__qualname__", None) or type(value).__qualname__
