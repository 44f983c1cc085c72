"""Two programs of some 150 bytes: a container's first process, which waits and reaps, and one that succeeds.

An image need not hold any program that just sleeps, and a script language would cost start-up time
and memory; so the ELF file is assembled here. It ignores SIGCHLD, which makes the kernel reap
orphans by itself, and pauses for ever. Layout of ELF64: the gABI, chapters 4 and 5.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

_BASE = 0x400000
_HEADERS = 64 + 56
_SUPERVISOR_CALL = 0xD4000001
X86_64 = 62
_MACHINES = {"x86_64": X86_64, "aarch64": 183}


def pause_program(architecture: str) -> bytes:
    """Waits for ever; for a machine as ``uname -m`` names it. Raises KeyError for unknown ones."""
    machine = _MACHINES[architecture]
    code = _x86_64_pause() if machine == X86_64 else _aarch64_pause()
    # struct sigaction of the kernel: handler SIG_IGN (1), flags, restorer, mask
    return executable(machine, code + struct.pack("<4Q", 1, 0, 0, 0))


def true_program(architecture: str) -> bytes:
    """Ends at once with exit code 0: what ``/bin/true`` does, for the self-test's image."""
    machine = _MACHINES[architecture]
    if machine == X86_64:
        return executable(
            machine, b"\xb8\x3c\x00\x00\x00\x31\xff\x0f\x05"
        )  # mov eax, 60; xor edi, edi; syscall
    return executable(machine, _words([_move(0, 0), _move(8, 93), _SUPERVISOR_CALL]))


def executable(machine: int, body: bytes) -> bytes:
    """The file of a program that is ``body`` from its first byte; ``machine`` as ELF numbers it."""
    return _file_header(machine) + _segment(_HEADERS + len(body)) + body


def _file_header(machine: int) -> bytes:
    identity = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
    return identity + struct.pack(
        "<HHIQQQIHHHHHH", 2, machine, 1, _BASE + _HEADERS, 64, 0, 0, 64, 56, 1, 0, 0, 0
    )


def _segment(size: int) -> bytes:
    readable_and_executable = 5
    return struct.pack("<IIQQQQQQ", 1, readable_and_executable, 0, _BASE, _BASE, size, size, 0x1000)


def _x86_64_pause() -> bytes:
    set_action = (
        b"\xb8\x0d\x00\x00\x00"  # mov eax, 13      rt_sigaction
        b"\xbf\x11\x00\x00\x00"  # mov edi, 17      SIGCHLD
        b"\x48\x8d\x35\x17\x00\x00\x00"  # lea rsi, [rip+23]  the struct behind the code
        b"\x31\xd2"  # xor edx, edx
        b"\x41\xba\x08\x00\x00\x00"  # mov r10d, 8      size of the mask
        b"\x0f\x05"  # syscall
    )
    wait = b"\xb8\x22\x00\x00\x00\x0f\x05\xeb\xf7"  # mov eax, 34 (pause); syscall; jmp to the mov
    return set_action + wait + b"\x90" * 4


def _aarch64_pause() -> bytes:
    """rt_sigaction is 134, ppoll 73; register 8 holds the number; adr reaches the struct behind."""
    call = _SUPERVISOR_CALL
    set_action = [_move(0, 17), _address(1, 14 * 4 - 4), _move(2, 0), _move(3, 8), _move(8, 134), call]
    back_by_seven = 0x17FFFFF9
    wait = [*(_move(register, 0) for register in range(5)), _move(8, 73), call, back_by_seven]
    return _words([*set_action, *wait])


def _move(register: int, value: int) -> int:
    return 0xD2800000 | value << 5 | register


def _address(register: int, distance: int) -> int:
    return 0x10000000 | (distance & 3) << 29 | (distance >> 2) << 5 | register


def _words(instructions: Sequence[int]) -> bytes:
    return struct.pack(f"<{len(instructions)}I", *instructions)
