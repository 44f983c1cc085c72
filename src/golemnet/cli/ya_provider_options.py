"""Options that the commands of ``ya-provider`` share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

DataDir = Annotated[Path | None, Parameter(name=["--data-dir", "-d"])]
AsJson = Annotated[bool, Parameter(name="--json", negative="")]
