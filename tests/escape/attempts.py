"""Ways out of a sandbox, tried from inside: runs in the container, on the Python of its image.

``python3 attempts.py CONTEXT`` prints a line of JSON for each attempt: its name and what came through the
wall, which is nothing for a wall that holds.
"""

from __future__ import annotations

import attempts_on_mounts  # noqa: F401
import attempts_on_others  # noqa: F401
import attempts_on_processes  # noqa: F401
import attempts_on_the_kernel  # noqa: F401
from attempting import ATTEMPTS, main

FILES = (
    "attempting",
    "attempts_on_mounts",
    "attempts_on_others",
    "attempts_on_processes",
    "attempts_on_the_kernel",
    "attempts",
)
"""What has to be brought into the container."""
NAMES = [name for name, way in ATTEMPTS.items() if way.__module__ in FILES]

if __name__ == "__main__":
    main()
