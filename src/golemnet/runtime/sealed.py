"""A host program as a sealed copy in memory, to be started by its path.

crun and runc may not be overwritten by what they start, so each start of them begins with a protected copy of
their own file, by way of a temporary one that a kill leaves behind. They see that a sealed copy is one.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from functools import cache
from typing import Final

SEALS: Final = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


@cache
def sealed(program: str) -> str:
    """A path that starts a copy of ``program`` for as long as this process lives; made once."""
    descriptor = os.memfd_create(os.path.basename(program), os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    with open(program, "rb") as source, os.fdopen(descriptor, "wb", closefd=False) as copy:
        shutil.copyfileobj(source, copy)
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, SEALS)
    return f"/proc/{os.getpid()}/fd/{descriptor}"
