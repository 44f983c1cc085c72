"""Which of the machine's processors an activity is pinned to, where no control group limits it."""

from __future__ import annotations

import math
import os
import random


def some_processors(cores: float) -> list[int]:
    """As many as are granted, rounded up; others than those of most neighbours."""
    there = sorted(os.sched_getaffinity(0))
    return sorted(random.sample(there, min(len(there), max(1, math.ceil(cores)))))
