"""ExeScripts: what a requestor lets an activity do, as JSON of the activity API and as values.

A script is a JSON array of objects with one key, the command's name: ``[{"deploy": {}}, {"start":
{"args": []}}, {"run": {"entry_point": "/bin/sh", "args": ["-c", "date"]}}]``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

import msgspec

MAX_SCRIPT_BYTES: Final = 1024 * 1024
MAX_COMMANDS: Final = 1000
MAX_ARGUMENTS: Final = 10_000

Part: TypeAlias = Literal["all", "head", "tail", "headTail"]


class ProgressArgs(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """How often progress is to be told: a duration like ``300ms``, or a number of bytes."""

    update_interval: str | None = None
    update_step: int | None = None


class CaptureMode(msgspec.Struct, frozen=True):
    """What is kept of an output. ``limit`` is in bytes, None for as much as the provider keeps."""

    part: Part = "all"
    limit: int | None = None
    stream: bool = False
    binary: bool = False


class Capture(msgspec.Struct, frozen=True):
    """The outputs that are captured; None discards one."""

    stdout: CaptureMode | None = None
    stderr: CaptureMode | None = None


class Deploy(msgspec.Struct, frozen=True):
    """Fetch the image and prepare the environment.

    ``env`` is added to the image's variables; ``net`` describes private networks to join, as the
    activity API has them.
    """

    env: Mapping[str, str] = {}
    net: Sequence[Mapping[str, Any]] = ()
    progress: ProgressArgs | None = None


class Start(msgspec.Struct, frozen=True):
    """Bring the environment up."""

    args: Sequence[str] = ()


class Run(msgspec.Struct, frozen=True):
    """Run a program in the environment to its end."""

    entry_point: str
    args: Sequence[str] = ()
    capture: Capture = Capture()


class Transfer(msgspec.Struct, frozen=True):
    """Move a file; exactly one side is usually ``container:/path``."""

    source: str = msgspec.field(name="from")
    target: str = msgspec.field(name="to")
    format: str | None = None
    progress: ProgressArgs | None = None


class Sign(msgspec.Struct, frozen=True):
    """Sign the results so far."""


class Terminate(msgspec.Struct, frozen=True):
    """End the activity."""


Command: TypeAlias = Deploy | Start | Run | Transfer | Sign | Terminate

_TYPES: Final[dict[str, type[Command]]] = {
    "deploy": Deploy,
    "start": Start,
    "run": Run,
    "transfer": Transfer,
    "sign": Sign,
    "terminate": Terminate,
}
_NAMES: Final = {type_: name for name, type_ in _TYPES.items()}


def parse_script(text: str | bytes) -> list[Command]:
    """Read a script.

    Raises:
        ValueError: it is not one, or it is too long; the message names the command by its index.
    """
    if len(text) > MAX_SCRIPT_BYTES:
        raise ValueError(f"it is longer than {MAX_SCRIPT_BYTES} bytes")
    entries = msgspec.json.decode(text, type=list[dict[str, Any]])
    if len(entries) > MAX_COMMANDS:
        raise ValueError(f"it has more than {MAX_COMMANDS} commands")
    return [_parse_entry(index, entry) for index, entry in enumerate(entries)]


def command_name(command: Command) -> str:
    """The name of the command in a script."""
    return _NAMES[type(command)]


def command_to_json(command: Command) -> dict[str, Any]:
    """The command as it stands in a script."""
    body = msgspec.to_builtins(command)
    if isinstance(command, Run):
        body["capture"] = _capture_to_json(command.capture)
    return {command_name(command): {name: value for name, value in body.items() if value is not None}}


def _parse_entry(index: int, entry: dict[str, Any]) -> Command:
    try:
        ((name, body),) = entry.items()
        if name not in _TYPES:
            raise ValueError(f"there is no command {name[:50]!r}")
        return _parse_body(name, {} if body is None else body)
    except (ValueError, TypeError) as error:
        raise ValueError(f"command {index}: {error}") from error


def _parse_body(name: str, body: dict[str, Any]) -> Command:
    if name == "run" and isinstance(body.get("capture"), dict):
        body = {**body, "capture": _parse_capture(body["capture"])}
    command = msgspec.convert(body, _TYPES[name])
    if isinstance(command, Run | Start) and len(command.args) > MAX_ARGUMENTS:
        raise ValueError(f"more than {MAX_ARGUMENTS} arguments")
    return command


def _parse_capture(capture: dict[str, Any]) -> dict[str, Any]:
    return {
        side: _parse_mode(capture[side]) for side in ("stdout", "stderr") if capture.get(side) is not None
    }


def _parse_mode(mode: dict[str, Any]) -> dict[str, Any]:
    """``{"atEnd": {"head": 100}}`` or ``{"stream": {"limit": 100}}``; the format stands in it or beside."""
    kind = "stream" if "stream" in mode else "atEnd"
    inner: dict[str, Any] = mode.get(kind) or {}
    form: str = inner.get("format", mode.get("format", "str"))
    if form not in ("str", "string", "bin", "binary"):
        raise ValueError(f"the capture format {form!r} is unknown")
    part, limit = _parse_part({**inner, **(inner.get("part") or {})})
    return {"part": part, "limit": limit, "stream": kind == "stream", "binary": form in ("bin", "binary")}


def _parse_part(inner: dict[str, Any]) -> tuple[str, Any]:
    for part in ("head", "tail", "headTail"):
        if inner.get(part) is not None:
            return part, inner[part]
    return "all", inner.get("limit")


def _capture_to_json(capture: Capture) -> dict[str, Any]:
    sides = {"stdout": capture.stdout, "stderr": capture.stderr}
    return {name: _mode_to_json(mode) for name, mode in sides.items() if mode is not None}


def _mode_to_json(mode: CaptureMode) -> dict[str, Any]:
    form = "bin" if mode.binary else "str"
    if mode.stream:
        limit = {} if mode.limit is None else {"limit": mode.limit}
        return {"stream": {**limit, "format": form}}
    part = {} if mode.part == "all" else {mode.part: mode.limit}
    return {"atEnd": {**part, "format": form}}
