"""Reads the compiled contracts that lie beside their sources."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import msgspec

ARTIFACTS = Path(__file__).parent / "artifacts.json"
NAMES = ("token", "multi_transfer", "vouchers", "deposits")


class Artifact(msgspec.Struct, frozen=True):
    """A compiled contract: its interface, and the code that deploys it (hex with 0x)."""

    compiler: str
    abi: list[dict[str, Any]]
    bytecode: str


@cache
def artifact(name: str) -> Artifact:
    """The compiled contract called ``name``, one of ``NAMES``."""
    return msgspec.json.decode(ARTIFACTS.read_bytes(), type=dict[str, Artifact])[name]
