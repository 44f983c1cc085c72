"""Making bytes of a function and of its arguments, so that another machine can call it."""

from __future__ import annotations

import base64
import inspect
import io
import marshal
import pickle
import sys
import sysconfig
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, lru_cache
from hashlib import sha256
from importlib import resources
from importlib.machinery import SourceFileLoader
from importlib.util import MAGIC_NUMBER, find_spec
from types import ModuleType
from typing import Any

import cloudpickle
import msgspec

from golemnet.sdk.errors import CannotTravel
from golemnet.sdk.identity import function_identity

HERE = "{}.{}".format(*sys.version_info)
MAX_FUNCTION_BYTES = 256 * 1024**2
# What is installed here may be installed in an image as well; everything else is the user's own and travels.
_INSTALLED = ("site-packages", "dist-packages")
_PARTS = ("cloudpickle.cloudpickle", "cloudpickle.cloudpickle_fast")
_OURS = ("golemnet", "yapapi", "cloudpickle")


class Function(msgspec.Struct, frozen=True):
    """A function that can travel.

    ``modules`` are those of the user's own that it comes from; ``identity`` is the same in every process in
    which the function does the same; ``origin`` is the function as it is here.
    """

    name: str
    content: bytes
    modules: frozenset[str]
    identity: str = ""
    origin: Callable[..., Any] | None = None

    @property
    def key(self) -> str:
        """The same for the same bytes."""
        return sha256(self.content).hexdigest()[:24]


def pack_function(function: Callable[..., Any]) -> Function:
    """Bytes of a function and of all that it needs from the script.

    Raises:
        CannotTravel: it refers to something that cannot be sent.
    """
    name = getattr(function, "__qualname__", None) or type(function).__name__
    if not callable(function):
        raise CannotTravel(f"{function!r} is no function.")
    if inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function):
        raise CannotTravel(f"{name} is a generator.", next_step="Return a list instead of yielding.")
    own = _own_modules()
    try:
        with _by_value(own):
            content = cloudpickle.dumps(function, protocol=5)
    except Exception as error:
        raise _cannot(name, function, error) from error
    if len(content) > MAX_FUNCTION_BYTES:
        raise CannotTravel(
            f"{name} has {len(content) >> 20} MiB with all that it refers to.",
            next_step="Give large data as a file (files=[...]), as an argument, or in the image.",
        )
    modules = frozenset({"__main__", *(module.__name__ for module in own)})
    return Function(name, content, modules, function_identity(function, modules), function)


def pack_call(name: str, positional: Sequence[Any], named: Mapping[str, Any]) -> str:
    """The arguments of a call as text. Raises CannotTravel, which names the argument."""
    arguments = (tuple(positional), dict(named))
    try:
        content = pickle.dumps(arguments, 5)
        plain = not any(mark in content for mark in _own_marks(len(sys.modules)))
    except Exception:
        content, plain = b"", False
    if not plain:
        content = _pack_with_classes(name, arguments)
    return base64.b64encode(content).decode()


def _pack_with_classes(name: str, arguments: tuple[tuple[Any, ...], dict[str, Any]]) -> bytes:
    """Arguments whose classes the other side does not have: these travel as well."""
    with _by_value(_own_modules()):
        try:
            return cloudpickle.dumps(arguments, protocol=5)
        except Exception as error:
            positional, named = arguments
            each = [*((str(number), value) for number, value in enumerate(positional)), *named.items()]
            culprit = next((f" {key}" for key, value in each if not _travels(value)), "")
            raise CannotTravel(f"Argument{culprit} of {name} cannot travel.", why=f"{error}.") from error


@cache
def program() -> bytes:
    """The program that calls functions, with cloudpickle in it: images need Python and nothing else."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for module in ("cloudpickle.__init__", *_PARTS):
            archive.writestr(zipfile.ZipInfo(f"{module.replace('.', '/')}.pyc"), _bytecode(module))
    text = resources.files("golemnet.sdk").joinpath("loop.py").read_text()
    return text.replace("@CLOUDPICKLE@", base64.b64encode(packed.getvalue()).decode()).encode()


def _bytecode(module: str) -> bytes:
    """A module as this Python has it compiled; the other side has the same one, and need not do it again."""
    spec = find_spec(module.removesuffix(".__init__"))
    assert spec is not None
    assert isinstance(spec.loader, SourceFileLoader)
    return MAGIC_NUMBER + bytes(12) + marshal.dumps(spec.loader.get_code(spec.name))


def _own_modules() -> list[ModuleType]:
    """Modules of the user that are loaded: neither installed nor of the standard library."""
    standard = sysconfig.get_path("stdlib")
    return [
        module
        for name, module in list(sys.modules.items())
        if _is_own(name, getattr(module, "__file__", None), standard)
    ]


@lru_cache(maxsize=1)
def _own_marks(loaded: int) -> list[bytes]:
    """How the names of the user's modules stand in a pickle; computed again when more are ``loaded``."""
    names = [b"__main__", *(module.__name__.encode() for module in _own_modules())]
    return [b"\x8c" + bytes([len(name)]) + name + b"\x94" for name in names if len(name) < 256]


def _is_own(name: str, file: str | None, standard: str) -> bool:
    if not file or not file.endswith(".py") or name == "__main__" or name.partition(".")[0] in _OURS:
        return False
    return not any(part in file for part in _INSTALLED) and not file.startswith(standard)


@contextmanager
def _by_value(modules: Sequence[ModuleType]) -> Iterator[None]:
    """Within it, what these modules define is sent itself, and not its name alone."""
    known = set(cloudpickle.list_registry_pickle_by_value())
    added = [module for module in modules if module.__name__ not in known]
    for module in added:
        cloudpickle.register_pickle_by_value(module)
    try:
        yield
    finally:
        for module in added:
            cloudpickle.unregister_pickle_by_value(module)


def _cannot(name: str, function: Callable[..., Any], error: Exception) -> CannotTravel:
    culprits = [repr(key) for key, value in _used(function).items() if not _travels(value)]
    uses = f" It uses {', '.join(culprits)}." if culprits else ""
    return CannotTravel(
        f"The function {name} cannot travel.",
        why=f"{error}.{uses}",
        next_step="Open files, connections and locks inside the function, or pass plain data.",
    )


def _used(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        variables = inspect.getclosurevars(function)
    except (TypeError, ValueError):
        return {}
    return {**variables.nonlocals, **variables.globals}


def _travels(value: Any) -> bool:
    try:
        cloudpickle.dumps(value, protocol=5)
    except Exception:
        return False
    return True
