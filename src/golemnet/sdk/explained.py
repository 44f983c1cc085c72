"""What a person wants to know of a function that has failed elsewhere: which call, where, and what to do."""

from __future__ import annotations

import inspect
import linecache
import re
from collections.abc import Callable
from functools import partial
from typing import Any

from golemnet.sdk.calls import Call
from golemnet.sdk.errors import WrongPython

NUMPY = "numpy"
# What travels has no file name any more, but its lines are still counted as in the file.
_FRAME = re.compile(r'^  File "<dynamic-code>", line (\d+), in (\w+)$', re.MULTILINE)


def explain(error: BaseException, call: Call, provider_name: str) -> None:
    """Add notes to an exception that a call has raised at a provider."""
    error.add_note(f"It was {call!r} at {provider_name}.")
    if isinstance(error, ModuleNotFoundError) and error.name:
        error.add_note(_missing(error.name.partition(".")[0]))


def _missing(module: str) -> str:
    if module == NUMPY:
        return "The image has no numpy; image='python' has one."
    package = f"python3-{module.replace('_', '-').lower()}"
    return (
        f"The image has no module {module}. One that has it, if Debian does: gvmkit-build --debian "
        f"python3,{package} --volume /golem/work --push --tag me/{module.lower()}, and "
        f"Golem(image='me/{module.lower()}'). The script needs the image's version of Python."
    )


def wrong_python(image: str, found: str, here: str) -> WrongPython:
    """The error for an image whose Python is not that of the script."""
    return WrongPython(
        f"{image} has Python {found}, and this is Python {here}.",
        why="Functions are sent as bytecode, which differs between versions.",
        next_step=f"Run the script with Python {'.'.join(found.split('.')[:2])}, or use an image with Python "
        f"{here}: `gvmkit-build python.tar --volume /golem/work --push --tag me/python` of what `docker save "
        f"python:{here}-slim` gives, and Golem(image='me/python').",
    )


def with_source(text: str, function: Callable[..., Any]) -> str:
    """A traceback of another machine, with the file and the lines of a function of this one."""
    while isinstance(function, partial):
        function = function.func
    try:
        file = inspect.getsourcefile(inspect.unwrap(function))
    except TypeError:
        file = None
    if file is None:
        return text
    source = "".join(linecache.getlines(file))
    return _FRAME.sub(lambda found: _frame(found, file, source), text)


def _frame(found: re.Match[str], file: str, source: str) -> str:
    number, name = found.groups()
    line = linecache.getline(file, int(number)).strip()
    is_of_file = name == "<lambda>" or re.search(rf"\bdef {name}\b", source)
    return f'  File "{file}", line {number}, in {name}\n    {line}' if is_of_file and line else found[0]
