"""A process that has loaded a program, and forks a copy of itself for each run of it.

Loading Python's modules takes longer than all else that begins an activity; a copy has them, and shares their
memory. Orders come in on the standard input and answers go out on the standard output, a JSON line each. The
end of the input is the end of the server, and of its copies: each asks to die with its parent.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

import msgspec

from golemnet.runtime import kernel

READ_BYTES = 64 * 1024

Program = Callable[[Sequence[str]], int]


class Order(msgspec.Struct, frozen=True):
    """Run the program with these arguments; what it writes goes to the end of the file ``output``.

    ``environment`` is all of it; None for the server's own.
    """

    arguments: list[str]
    output: str
    environment: dict[str, str] | None = None


class Began(msgspec.Struct, frozen=True, tag=True):
    """The answer to an order, in the order of the orders: the leader of a process group of its own."""

    pid: int


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The other answer: no process could be made."""

    why: str


class Ended(msgspec.Struct, frozen=True, tag=True):
    """A run is over; a negative status is the number of the signal that ended it."""

    pid: int
    status: int


Answer = Began | Failed | Ended


def serve(program: Program) -> None:
    """Take orders until the input ends. Call it in a process without threads.

    Who loads much before it may have switched garbage collection off meanwhile; it is on afterwards.
    """
    kernel.die_with_parent(signal.SIGTERM)
    # what is loaded now is never garbage; looking for it would take 0.1 s, and copy the shared memory later
    gc.freeze()
    gc.enable()
    children, told = os.pipe()
    os.set_blocking(told, False)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    _Server(program, children).run()


class _Server:
    """The loop of the server; ``children`` is readable when one of its copies has ended."""

    def __init__(self, program: Program, children: int) -> None:
        self._program = program
        self._children = children
        self._orders = b""

    def run(self) -> None:
        while True:
            ready, _, _ = select.select([sys.stdin.fileno(), self._children], [], [])
            if self._children in ready:
                os.read(self._children, READ_BYTES)
                _reap()
            elif not self._read():
                return

    def _read(self) -> bool:
        """Carry out what has come in; False at the end of the input."""
        data = os.read(sys.stdin.fileno(), READ_BYTES)
        *lines, self._orders = (self._orders + data).split(b"\n")
        for line in lines:
            self._start(msgspec.json.decode(line, type=Order))
        return bool(data)

    def _start(self, order: Order) -> None:
        server = os.getpid()
        try:
            pid = os.fork()
        except OSError as error:
            return _tell(Failed(str(error)))
        if pid == 0:
            self._be(order, server)
        _lead_own_group(pid)
        _tell(Began(pid))

    def _be(self, order: Order, server: int) -> NoReturn:
        """Go on as the program."""
        status = 1
        try:
            kernel.die_with_parent(signal.SIGTERM)
            if os.getppid() == server:
                self._part(order)
                status = self._program(order.arguments)
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 1
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    def _part(self, order: Order) -> None:
        """Keep nothing of the server but what it has loaded."""
        _lead_own_group(0)
        os.close(signal.set_wakeup_fd(-1))
        os.close(self._children)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        if order.environment is not None:
            os.environ.clear()
            os.environ.update(order.environment)
        _replace(Path(os.devnull), os.O_RDONLY, 0)
        _replace(Path(order.output), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 1, 2)


def _lead_own_group(pid: int) -> None:
    """Both sides do it, so that it is done before either goes on."""
    try:
        os.setpgid(pid, pid)
    except OSError:
        return  # it has ended, or done so itself


def _replace(path: Path, flags: int, *descriptors: int) -> None:
    opened = os.open(path, flags, 0o644)
    for each in descriptors:
        os.dup2(opened, each)
    os.close(opened)


def _reap() -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        _tell(Ended(pid, os.waitstatus_to_exitcode(status)))


def _tell(answer: Answer) -> None:
    line = msgspec.json.encode(answer) + b"\n"
    try:
        os.write(sys.stdout.fileno(), line)  # shorter than PIPE_BUF, so it goes out whole
    except BrokenPipeError:
        sys.exit(1)  # nobody is there for whom the copies could work
