"""The steps that a worker records, and how each becomes commands of an ExeScript."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec

Command = dict[str, Any]
CONTAINER = "container:"
# How much of the end of an output a result carries.
KEPT_BYTES = 16 * 1024


class Files(Protocol):
    """How files are shared with a provider."""

    async def publish(self, path: Path) -> str:
        """Share a file; its address."""
        ...

    async def publish_bytes(self, content: bytes) -> str:
        """Share some bytes; their address."""
        ...

    async def receive(self, path: Path) -> str:
        """A place for a file that will be stored at ``path``; its address."""
        ...

    async def close(self, url: str) -> None:
        """Share it no longer."""
        ...


class SendFile(msgspec.Struct, frozen=True):
    """A file of ours goes to the provider."""

    source: Path
    target: str


class SendBytes(msgspec.Struct, frozen=True):
    """Some bytes become a file at the provider."""

    content: bytes
    target: str


class Run(msgspec.Struct, frozen=True):
    """A program runs in the image."""

    command: str
    arguments: Sequence[str]
    environment: dict[str, str]
    kept_bytes: int = KEPT_BYTES


class DownloadFile(msgspec.Struct, frozen=True):
    """A file of the provider comes to us."""

    source: str
    target: Path


Step = SendFile | SendBytes | Run | DownloadFile


class Prepared(msgspec.Struct, frozen=True):
    """Commands to send, and the addresses that are of no use afterwards."""

    commands: list[Command]
    urls: list[str]


async def prepare(steps: Sequence[Step], files: Files) -> Prepared:
    """Share what the steps need; their commands, one for each."""
    commands: list[Command] = []
    urls: list[str] = []
    for step in steps:
        match step:
            case SendFile():
                urls.append(await files.publish(step.source))
                commands.append(_transfer(urls[-1], CONTAINER + step.target))
            case SendBytes():
                urls.append(await files.publish_bytes(step.content))
                commands.append(_transfer(urls[-1], CONTAINER + step.target))
            case DownloadFile():
                urls.append(await files.receive(step.target))
                commands.append(_transfer(CONTAINER + step.source, urls[-1]))
            case Run():
                commands.append(_run(step))
    return Prepared(commands, urls)


def describe(command: Command) -> str:
    """A command as a person would write it."""
    name, body = next(iter(command.items()))
    match name:
        case "run":
            return " ".join([body["entry_point"], *body["args"]])
        case "transfer":
            source, target = body["from"], body["to"]
            inward = target.startswith(CONTAINER)
            return f"send a file to {target[10:]}" if inward else f"fetch {source[10:]}"
        case _:
            return name


def json_bytes(value: object) -> bytes:
    """``value`` as JSON. Raises TypeError if it is none."""
    return json.dumps(value).encode()


def _transfer(source: str, target: str) -> Command:
    return {"transfer": {"from": source, "to": target}}


def _run(step: Run) -> Command:
    """The environment goes through env(1): an ExeScript has no place for it."""
    collect = {"stdout": {"atEnd": {"part": {"tail": step.kept_bytes}, "format": "string"}}}
    collect["stderr"] = collect["stdout"]
    if not step.environment:
        return {"run": {"entry_point": step.command, "args": list(step.arguments), "capture": collect}}
    settings = [f"{name}={value}" for name, value in step.environment.items()]
    arguments = [*settings, step.command, *step.arguments]
    return {"run": {"entry_point": "/usr/bin/env", "args": arguments, "capture": collect}}
