"""What yapapi 0.1 needs today; Python runs this first, when its folder is on PYTHONPATH.

Two things have changed since 2020, and none of them is the client's or ours. Python 3.11 (and it alone)
refuses a ``MappingProxyType`` as the default of a dataclass's field. The registry whose address the client
holds is gone: it shall ask the one at ``GOLEM_REGISTRY_URL``. The client's own files stay as published.
"""

import dataclasses
import os
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import MappingProxyType, ModuleType

REGISTRY_USER = "yapapi.runner.vm"
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


class LocalRegistryLoader(SourceFileLoader):
    """Loads the module that asks the registry, and gives it another address."""

    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        if not hasattr(module, "_DEFAULT_REPO_URL"):
            raise ImportError(f"{module.__name__} does not ask the registry as version 0.1 did")
        module._DEFAULT_REPO_URL = os.environ["GOLEM_REGISTRY_URL"]


class LocalRegistryFinder(MetaPathFinder):
    """Finds that one module."""

    def find_spec(self, fullname: str, path=None, target=None) -> ModuleSpec | None:
        spec = PathFinder.find_spec(fullname, path) if fullname == REGISTRY_USER else None
        if spec is not None and spec.origin is not None:
            spec.loader = LocalRegistryLoader(fullname, spec.origin)
        return spec


if sys.version_info[:2] == (3, 11):
    dataclasses.dataclass = dataclass
sys.meta_path.insert(0, LocalRegistryFinder())
