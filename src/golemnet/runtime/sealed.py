"""Copies in memory that nobody can change: of host programs, to be started by a path, and of other files.

crun and runc may not be overwritten by what they start, so each start of them begins with a protected copy of
their own file, by way of a temporary one that a kill leaves behind. They see that a sealed copy is one.
"""

from __future__ import annotations

import fcntl
import os
from functools import cache
from pathlib import Path
from typing import Final

SEALS: Final = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


@cache
def sealed(program: str) -> str:
    """A path that starts a copy of ``program`` for as long as this process lives; made once."""
    return f"/proc/{os.getpid()}/fd/{sealed_file(os.path.basename(program), Path(program).read_bytes())}"


def sealed_file(name: str, content: bytes) -> int:
    """A new open file that holds ``content`` for ever."""
    descriptor = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    with os.fdopen(descriptor, "wb", closefd=False) as copy:
        copy.write(content)
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, SEALS)
    return descriptor
