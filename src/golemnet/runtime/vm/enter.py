"""The program in the guest that becomes a command: 219 bytes of machine code and what it is to do.

It takes the command's root, working folder and user, then tries paths until one can be executed. The guest
has no other program that becomes any user by number; assembled here, none has to be compiled or shipped.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Final

from golemnet.runtime.oci_spec import User
from golemnet.runtime.programs import X86_64, executable

PATH: Final = "/enter"

_CODE: Final = bytes.fromhex(
    # the paths to try begin at rbx, up to an empty one; the command's arguments at r12, the variables at r13
    "488b0424 488d5c2410 4c8d6cc410 4989dc"
    "498b0424 4983c408 803800 75f3"
    "488d3dc6000000 b8a1000000 0f05 85c0 755f"  # chroot(root)
    "8b3dad000000 488d059e000000 4801c7 b850000000 0f05 85c0 7544"  # chdir(folder)
    "31ff 31f6 b874000000 0f05"  # setgroups(0, NULL)
    "8b3d83000000 b86a000000 0f05"  # setgid
    "8b3d72000000 b869000000 0f05 85c0 751b"  # setuid
    "488b3b 803f00 7413 4c89e6 4c89ea b83b000000 0f05 4883c308 ebe5"  # execve, for each path
    "488d3539000000 ba0c000000 bf02000000 b801000000 0f05"  # write(2, the message)
    "498b3424 31d2 803c1600 7404 ffc2 ebf6 bf02000000 b801000000 0f05"  # write(2, the command's name)
    "bf7f000000 b83c000000 0f05"  # exit(127)
)
_MESSAGE: Final = b"cannot run: "


def program(root: str, folder: str, user: User) -> bytes:
    """Enters ``root`` as ``user`` in ``folder``; for x86-64."""
    texts = root.encode() + b"\0" + folder.encode() + b"\0"
    numbers = struct.pack("<4I", user.uid, user.gid, 16 + len(root.encode()) + 1, 0)
    return executable(X86_64, _CODE + _MESSAGE + numbers + texts)


def arguments(command: str, rest: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """What ``/bin/env -i`` is given to run ``command`` by this program."""
    folders = environment.get("PATH", "").split(":")
    paths = [command] if "/" in command else [f"{folder}/{command}" for folder in folders if folder]
    variables = [f"{name}={value}" for name, value in environment.items()]
    return [*variables, PATH, *paths, "", command, *rest]
