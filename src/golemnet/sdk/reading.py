"""Reading what comes back from strangers: a pickle that may hold data, but no program.

An ordinary ``pickle.loads`` lets whoever wrote the bytes run what they like on this machine. Here names are
resolved for a list of harmless types alone, and for classes of the module that the function itself is from.
"""

from __future__ import annotations

import io
import pickle
import sys
from collections.abc import Collection, Sequence
from enum import Enum
from types import ModuleType
from typing import Any, Final

from golemnet.sdk.errors import CannotTravel

_HARMLESS: Final = {
    "builtins": {"bool", "bytearray", "bytes", "complex", "dict", "float", "frozenset", "int", "list"}
    | {"object", "range", "set", "slice", "str", "tuple"},
    "collections": {"Counter", "OrderedDict", "defaultdict", "deque"},
    "copyreg": {"__newobj__", "__newobj_ex__"},
    "datetime": {"date", "datetime", "time", "timedelta", "timezone"},
    "decimal": {"Decimal"},
    "fractions": {"Fraction"},
    "pathlib": {"PosixPath", "PurePath", "PurePosixPath"},
    "uuid": {"UUID", "SafeUUID"},
    "zoneinfo": {"ZoneInfo"},
}
_OF_NUMPY: Final = {"_frombuffer", "_reconstruct", "dtype", "ndarray", "scalar"}
# numpy has moved its inner modules; what is asked for is looked up where it is here
_NUMPY_MODULES: Final = ("numpy.core", "numpy._core")


def read(content: bytes, modules: Collection[str] = (), trusted: Sequence[type] = ()) -> Any:
    """The value of a pickle.

    Args:
        content: what a provider has sent.
        modules: modules of the function; data classes, enumerations and exceptions of theirs may come back.
        trusted: further classes that may.

    Raises:
        CannotTravel: it holds something else, or is no pickle.
    """
    try:
        return _Reader(content, modules, trusted).load()
    except CannotTravel:
        raise
    except Exception as error:
        raise CannotTravel("A result cannot be read.", why=f"{type(error).__name__}: {error}.") from error


class _Reader(pickle.Unpickler):
    def __init__(self, content: bytes, modules: Collection[str], trusted: Sequence[type]) -> None:
        super().__init__(io.BytesIO(content))
        self._modules = modules
        self._trusted = {(each.__module__, each.__qualname__): each for each in trusted}

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        if (module_name, global_name) in self._trusted:
            return self._trusted[module_name, global_name]
        if global_name in _HARMLESS.get(module_name, ()) or _is_exception(module_name, global_name):
            return super().find_class(module_name, global_name)
        if _is_numpy(module_name, global_name):
            return _numpy(module_name, global_name)
        found = _own_class(module_name, global_name) if module_name in self._modules else None
        if found is None:
            raise _refused(module_name, global_name)
        return found

    def persistent_load(self, pid: Any, /) -> Any:
        module_name, global_name = pid
        return self.find_class(str(module_name), str(global_name))


def _is_exception(module: str, name: str) -> bool:
    found = getattr(sys.modules["builtins"], name, None) if module == "builtins" else None
    return isinstance(found, type) and issubclass(found, BaseException)


def _is_numpy(module: str, name: str) -> bool:
    return name in _OF_NUMPY and (module == "numpy" or module.startswith(_NUMPY_MODULES))


def _numpy(module: str, name: str) -> Any:
    import numpy  # pyright: ignore[reportMissingImports]

    if module == "numpy":
        return getattr(numpy, name)
    inner = getattr(numpy, "_core", None) or numpy.core
    holder: ModuleType = inner.multiarray if hasattr(inner.multiarray, name) else inner.numeric
    return getattr(holder, name)


def _own_class(module: str, name: str) -> type | None:
    """A data class that is defined in a module of the script; imported names do not count."""
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    is_own = isinstance(found, type) and found.__module__ == module and found.__qualname__ == name
    return found if is_own and _is_for_data(found) else None


def _is_for_data(found: type) -> bool:
    """Whether it is made to hold values; the constructor of any other class may do what it likes."""
    marks = ("__dataclass_fields__", "__struct_fields__", "__attrs_attrs__", "__pydantic_fields__")
    return issubclass(found, BaseException | Enum | tuple) or any(hasattr(found, mark) for mark in marks)


def _refused(module: str, name: str) -> CannotTravel:
    return CannotTravel(
        f"A result holds {module}.{name}, which is not taken from strangers.",
        why="Results are data: numbers, text, bytes, lists, dictionaries, numpy arrays, and data classes of "
        "the function's own module.",
        next_step="Return plain data, or name the class: Golem(..., trusted=[...]).",
    )
