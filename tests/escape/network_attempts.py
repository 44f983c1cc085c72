"""Ways out of networks, tried from inside: ``python3 network_attempts.py CONTEXT``, like ``attempts.py``."""

from __future__ import annotations

import attempts_on_private_networks  # noqa: F401
import attempts_on_the_internet  # noqa: F401
from attempting import ATTEMPTS, main

FILES = ("attempting", "attempts_on_private_networks", "attempts_on_the_internet", "network_attempts")
"""What has to be brought into the container."""
NAMES = [name for name, way in ATTEMPTS.items() if way.__module__ in FILES]

if __name__ == "__main__":
    main()
