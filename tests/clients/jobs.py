"""What the jobs of all clients have in common: six tasks, each of which joins two files."""

from __future__ import annotations

import json
from pathlib import Path

from published import Ended

TASKS = 6


def check_six_tasks(ended: Ended, folder: Path, common: bytes) -> None:
    """The program has succeeded, and its six files are right. It says ``result <number> <text>`` of each."""
    assert ended.status == 0, ended.output
    assert sorted(ended.said("result")) == [[str(n), f"done-{n}"] for n in range(TASKS)], ended.output
    for number in range(TASKS):
        joined = (folder / f"joined_{number}.bin").read_bytes()
        assert joined.endswith(common), number
        assert json.loads(joined.removesuffix(common)) == {"number": number}
