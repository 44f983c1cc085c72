"""Whether arguments make sense: said at once and in words, before anything is bought."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from decimal import Decimal
from difflib import get_close_matches
from math import isfinite
from numbers import Integral
from typing import Any, get_args

from golemnet.sdk.errors import WrongArgument
from golemnet.sdk.options import Options, Restart

MAX_PORT = 65535
Rule = tuple[Callable[[Any], bool], str]


def _whole(least: int, most: float = float("inf")) -> Callable[[Any], bool]:
    return lambda value: (
        isinstance(value, Integral) and not isinstance(value, bool) and least <= int(value) <= most
    )


def _number(least: float) -> Callable[[Any], bool]:
    return lambda value: (
        isinstance(value, int | float | Decimal)
        and not isinstance(value, bool)
        and isfinite(value)
        and value >= least
    )


def _optional(rule: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or rule(value)


def _is_path(value: Any) -> bool:
    return isinstance(value, str | os.PathLike)


def _are_paths(value: Any) -> bool:
    return not _is_path(value) and isinstance(value, Iterable) and all(map(_is_path, value))


def _is_command(value: Any) -> bool:
    if isinstance(value, str):
        return _is_text(value)
    words: list[Any] = [*value] if isinstance(value, Iterable) else []
    return all(isinstance(each, str) for each in words) and _is_text(next(iter(words), None))


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _are_classes(value: Any) -> bool:
    return isinstance(value, Iterable) and all(isinstance(each, type) for each in value)


def _is_strategy(value: Any) -> bool:
    return hasattr(value, "score_offer") and not isinstance(value, type)


def _is_duration(value: Any) -> bool:
    return isinstance(value, timedelta) and value > timedelta(0)


RULES: Mapping[str, Rule] = {
    "items": (lambda value: hasattr(value, "__iter__") or hasattr(value, "__aiter__"), "an iterable"),
    "image": (_is_text, "the name or the hash of an image"),
    "workers": (_whole(1), "a number of machines: 1 or more"),
    "retries": (_whole(0), "a number of attempts after the first"),
    "timeout": (_optional(_is_duration), "a timedelta, such as timedelta(minutes=5)"),
    "verify": (_optional(callable), "a function of an item and its result"),
    "replicas": (_whole(1), "a number of providers: 1 or more"),
    "agree": (_optional(callable), "a function of two results"),
    "window": (_whole(1), "a number of items: 1 or more"),
    "output": (_is_path, "a folder"),
    "files": (_are_paths, "a list of files"),
    "stdin": (_optional(_is_path), "a file"),
    "max_price": (_optional(_number(0)), "GLM for an hour of a machine"),
    "min_mem_gib": (_number(0), "an amount of memory in GiB"),
    "min_cpu_threads": (_whole(1), "a number of processors: 1 or more"),
    "trusted": (_are_classes, "a list of classes"),
    "tasks": (_whole(0), "a number of calls"),
    "seconds": (_number(0), "what a call takes"),
    "strategy": (_optional(_is_strategy), "an object that scores offers, such as Cheapest()"),
    "event_consumer": (_optional(callable), "a function of an event"),
    "report": (_optional(_is_path), "a file"),
    "run": (_optional(_is_text), "the name of a run"),
    "command": (_is_command, "a shell command, or a program and its arguments"),
    "port": (_optional(_whole(1, MAX_PORT)), "a port: 1 to 65535"),
    "listen": (_whole(0, MAX_PORT), "a port of this machine: 1 to 65535, or 0 for any"),
    "instances": (_optional(_whole(0)), "a number of machines: 0 or more"),
    "ready": (_optional(_whole(0)), "a number of instances: 0 or more"),
    "healthy": (_optional(callable), 'http("/path"), tcp(), or a function of an instance'),
    "restart": (get_args(Restart).__contains__, f"one of {', '.join(get_args(Restart))}"),
    "ready_within": (_is_duration, "a timedelta, such as timedelta(minutes=5)"),
}


def check_text(command: object) -> None:
    """Raise WrongArgument if it is no command for a shell."""
    if not _is_text(command):
        hint = "`shlex.join` makes one of a list."
        raise WrongArgument(f"A command is a text for a shell, not {command!r:.80}.", next_step=hint)


def check(**arguments: Any) -> None:
    """Raise WrongArgument if one of them is not what its name stands for; those without a rule may be all."""
    for name, value in arguments.items():
        is_good, what = RULES.get(name, (lambda value: True, ""))
        if not is_good(value):
            raise WrongArgument(f"{name} is {what}, not {value!r:.80}.")


def check_options(options: Mapping[str, Any]) -> None:
    """The same for the keywords of a call, of which there may be no others."""
    known = list(Options.__annotations__)
    for name in options:
        if name not in known:
            alike = get_close_matches(name, known, 1)
            hint = f"Did you mean {alike[0]}?" if alike else f"There are {', '.join(known)}."
            raise WrongArgument(f"There is no keyword {name} for calls.", next_step=hint)
    check(**options)
