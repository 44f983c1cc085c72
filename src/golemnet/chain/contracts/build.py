"""Compiles the contracts into ``artifacts.json``: ``python -m golemnet.chain.contracts.build``.

A program only reads the artifacts; the compiler is needed when a source has changed. A unit test compiles
again and compares.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from golemnet.chain.contracts.artifact import ARTIFACTS, NAMES, Artifact

_SOURCES = Path(__file__).parent


def compile_contract(name: str) -> Artifact:
    """What the compiler makes of ``<name>.vy``."""
    import vyper

    source = (_SOURCES / f"{name}.vy").read_text()
    output = vyper.compile_code(source, output_formats=["abi", "bytecode"])
    return Artifact(compiler=vyper.__version__, abi=output["abi"], bytecode=output["bytecode"])


def main() -> None:
    """Compile every contract and write the artifacts."""
    artifacts = {name: compile_contract(name) for name in NAMES}
    ARTIFACTS.write_bytes(msgspec.json.format(msgspec.json.encode(artifacts)) + b"\n")


if __name__ == "__main__":
    main()
