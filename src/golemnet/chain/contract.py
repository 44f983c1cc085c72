"""Calls, answers and events of a contract, by its compiled interface. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from golemnet.chain.abi import decode, encode
from golemnet.chain.contracts.artifact import Artifact, artifact
from golemnet.model.keys import keccak256


class Contract:
    """Encodes and decodes by name: ``Contract.load("token").call("transfer", receiver, amount)``."""

    def __init__(self, compiled: Artifact) -> None:
        self._compiled = compiled

    @classmethod
    def load(cls, name: str) -> Contract:
        """The contract called ``name`` (``token``, ``multi_transfer``)."""
        return cls(artifact(name))

    def deployment(self, *arguments: Any) -> bytes:
        """The data of the transaction that creates the contract."""
        constructors = [each for each in self._compiled.abi if each["type"] == "constructor"]
        types = [each["type"] for each in constructors[0]["inputs"]] if constructors else []
        return bytes.fromhex(self._compiled.bytecode[2:]) + encode(types, arguments)

    def call(self, name: str, *arguments: Any) -> bytes:
        """The data of a call of function ``name``."""
        types = _types(self._entry("function", name)["inputs"])
        return _digest(name, types)[:4] + encode(types, arguments)

    def result(self, name: str, data: bytes) -> Any:
        """The value that function ``name`` has answered; a tuple if it answers with more than one."""
        found = decode(_types(self._entry("function", name)["outputs"]), data)
        return found[0] if len(found) == 1 else found

    def topic(self, event: str) -> bytes:
        """The first topic of the logs of ``event``."""
        return _digest(event, _types(self._entry("event", event)["inputs"]))

    def event(self, name: str, topics: Sequence[bytes], data: bytes) -> dict[str, Any] | None:
        """The fields of a log of event ``name``; None if the log is of another event."""
        inputs = self._entry("event", name)["inputs"]
        indexed = [each for each in inputs if each["indexed"]]
        if len(topics) != len(indexed) + 1 or topics[0] != self.topic(name):
            return None
        plain = [each for each in inputs if not each["indexed"]]
        values = {each["name"]: decode([each["type"]], topics[n])[0] for n, each in enumerate(indexed, 1)}
        plain_values = decode(_types(plain), data)
        return values | {each["name"]: value for each, value in zip(plain, plain_values, strict=True)}

    def _entry(self, kind: str, name: str) -> dict[str, Any]:
        return self._by_name[kind, name]

    @cached_property
    def _by_name(self) -> dict[tuple[str, str], dict[str, Any]]:
        return {(each["type"], each.get("name", "")): each for each in self._compiled.abi}


def _types(parameters: Sequence[dict[str, Any]]) -> list[str]:
    return [each["type"] for each in parameters]


def _digest(name: str, types: Sequence[str]) -> bytes:
    return keccak256(f"{name}({','.join(types)})".encode())
