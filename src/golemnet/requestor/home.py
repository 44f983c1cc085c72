"""Where a requestor's programs keep what they know from run to run."""

from __future__ import annotations

import os
from pathlib import Path


def home() -> Path:
    """``GOLEM_DATA_DIR``, else ``~/.local/share/golemnet/requestor``."""
    named = os.environ.get("GOLEM_DATA_DIR") or "~/.local/share/golemnet/requestor"
    return Path(named).expanduser()
