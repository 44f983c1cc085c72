"""What yapapi 0.1 to 0.6 need today; Python runs this first, when its folder is on PYTHONPATH.

Two things have changed since 2020, and none of them is the client's or ours. Python 3.11 (and it alone)
refuses a ``MappingProxyType`` as the default of a dataclass's field. The registries whose addresses the
clients hold are gone: they ask the one at ``GOLEM_REGISTRY_URL``. The clients' own files stay as published.
"""

import dataclasses
import os
import sys
from collections.abc import Callable
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import MappingProxyType, ModuleType

make_dataclass = dataclasses.dataclass


class HashableMapping(dict):
    """A mapping that a dataclass takes as a default."""

    __hash__ = object.__hash__


def dataclass(cls: type | None = None, /, **options: bool):
    """``dataclasses.dataclass`` that allows defaults of the type ``MappingProxyType``."""
    if cls is None:
        return lambda decorated: dataclass(decorated, **options)
    for name, default in list(vars(cls).items()):
        if isinstance(default, MappingProxyType):
            setattr(cls, name, HashableMapping(default))
    return make_dataclass(cls, **options)


def set_address(module: ModuleType) -> None:
    """Version 0.1 to 0.4: a constant holds the address."""
    _known(module, "_DEFAULT_REPO_URL")
    module._DEFAULT_REPO_URL = os.environ["GOLEM_REGISTRY_URL"]


def set_look_up(module: ModuleType) -> None:
    """Version 0.5 and 0.6: a function looks the address up in the DNS."""
    _known(module, "resolve_repo_srv")
    module.resolve_repo_srv = lambda *_: os.environ["GOLEM_REGISTRY_URL"]


def _known(module: ModuleType, name: str) -> None:
    if not hasattr(module, name):
        raise ImportError(f"{module.__name__} does not ask the registry as versions 0.1 to 0.6 did")


# Who asks the registry, and how it gets another address.
REGISTRY_USERS: dict[str, Callable[[ModuleType], None]] = {
    "yapapi.runner.vm": set_address,
    "yapapi.payload.vm": set_look_up,
}


class LocalRegistryLoader(SourceFileLoader):
    """Loads a module that asks the registry, and gives it another address."""

    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        REGISTRY_USERS[module.__name__](module)


class LocalRegistryFinder(MetaPathFinder):
    """Finds these modules."""

    def find_spec(self, fullname: str, path=None, target=None) -> ModuleSpec | None:
        spec = PathFinder.find_spec(fullname, path) if fullname in REGISTRY_USERS else None
        if spec is not None and spec.origin is not None:
            spec.loader = LocalRegistryLoader(fullname, spec.origin)
        return spec


if sys.version_info[:2] == (3, 11):
    dataclasses.dataclass = dataclass
sys.meta_path.insert(0, LocalRegistryFinder())
