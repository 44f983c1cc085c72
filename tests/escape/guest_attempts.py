"""Ways out of a virtual machine, tried from inside, like ``attempts.py``."""

from __future__ import annotations

import attempts_by_frames  # noqa: F401
import attempts_of_a_guest  # noqa: F401
import attempts_on_others
import attempts_on_processes
import network_attempts
from attempting import ATTEMPTS, main

FILES = (
    "attempting",
    "attempts_of_a_guest",
    "attempts_on_others",
    "attempts_on_processes",
    *network_attempts.FILES[1:],
    "attempts_by_frames",
    "guest_attempts",
)
"""What has to be brought into the machine."""
NAMES = [
    *(name for name, way in ATTEMPTS.items() if way.__module__ == "attempts_by_frames"),
    *network_attempts.NAMES,
    *(name for name, way in ATTEMPTS.items() if way.__module__ == "attempts_of_a_guest"),
    *(
        way.__name__
        for way in (
            attempts_on_others.reach_the_host_and_its_daemon,
            attempts_on_others.reach_the_internet,
            attempts_on_others.reach_sockets_of_the_host_without_a_path,
            attempts_on_others.find_another_network,
            attempts_on_others.share_memory_with_others,
            attempts_on_others.find_secrets_of_host_and_neighbour,
            attempts_on_processes.see_processes_of_the_host,
            attempts_on_processes.climb_from_the_working_folder,
            attempts_on_processes.signal_processes_of_the_host,
        )
    ),
]

if __name__ == "__main__":
    main()
