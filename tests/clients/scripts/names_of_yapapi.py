"""Prints the public names of ``yapapi`` with their parameters as JSON; for any of its versions."""

import enum
import importlib
import inspect
import json

MODULES = """
    yapapi yapapi.config yapapi.contrib.service.chunk yapapi.contrib.service.http_proxy
    yapapi.contrib.service.socket_proxy yapapi.contrib.strategy yapapi.ctx yapapi.events
    yapapi.golem yapapi.log yapapi.network yapapi.payload yapapi.payload.manifest
    yapapi.payload.package yapapi.payload.vm yapapi.props yapapi.props.base yapapi.props.builder
    yapapi.props.com yapapi.props.inf yapapi.rest.activity yapapi.rest.configuration
    yapapi.rest.market yapapi.rest.net yapapi.script yapapi.script.capture yapapi.script.command
    yapapi.services yapapi.strategy
"""


def described(thing):
    """Of a class its methods and properties, of a function its parameters, of a value what it is."""
    if inspect.isclass(thing) and issubclass(thing, enum.Enum):
        return {each.name: each.value for each in thing}
    if inspect.isclass(thing):
        return {"()": parameters(thing), **members(thing)}
    return parameters(thing) if callable(thing) else simple(thing)


def members(thing):
    names = [name for name in dir(thing) if not name.startswith("_")]
    return {name: described_member(inspect.getattr_static(thing, name)) for name in names}


def described_member(member):
    if isinstance(member, (staticmethod, classmethod)):
        member = member.__func__
    return parameters(member) if inspect.isfunction(member) else "property"


def parameters(function):
    """Names, and defaults where these are simple."""
    try:
        found = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    return [[each.name, simple(each.default)] for each in found if each.name not in ("self", "cls")]


def simple(value):
    return value if isinstance(value, (str, int, float, bool, type(None))) else "?"


def public(module):
    """What a module says is public, else what it defines, or takes from where ours are defined."""
    said = getattr(module, "__all__", None)
    for name in said if said is not None else vars(module):
        thing = getattr(module, name, None)
        origin = getattr(thing, "__module__", module.__name__)
        is_its_own = said is not None or origin == module.__name__
        if not name.startswith("_") and is_its_own and not inspect.ismodule(thing):
            yield name, thing


print(
    json.dumps(
        {
            module: {name: described(thing) for name, thing in public(importlib.import_module(module))}
            for module in MODULES.split()
        }
    )
)
