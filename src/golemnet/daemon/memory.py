"""What a long-running process does about memory at its start; measured on a daemon without load.

Importing makes a hundred thousand objects that stay, and the collector looks at them again and again:
without it the start takes 0.2 s less. Giving freed pages back afterwards makes the process 5 MB smaller.
"""

from __future__ import annotations

import ctypes
import gc


def postpone_collection() -> None:
    """Collect nothing until ``settle``."""
    gc.disable()


def settle() -> None:
    """The start is over: leave what is there alone from now on, and give back what was freed."""
    gc.collect()
    gc.freeze()
    gc.enable()
    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    except (OSError, AttributeError):
        # Another C library than glibc; it keeps its pages.
        return
