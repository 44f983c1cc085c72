"""``gftp``: share files with other nodes, fetch theirs. ``gftp server`` serves a program by JSON-RPC.

Programs start ``gftp server`` and wait for it, so this module imports nothing heavy before it must.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import select
import signal
import stat
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from golemnet.errors import GolemError
from golemnet.gftp.daemon_address import DaemonAddress, daemon_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from golemnet.gftp.link import Link
    from golemnet.gftp.urls import GftpUrl


# somebody sits there; programs wait longer for a daemon that starts
PATIENCE_S = 3.0


def main(arguments: list[str] | None = None) -> None:
    """Run the command and exit: 0, or 1 after an error."""
    given = _parser().parse_args(arguments)
    address = daemon_of(os.environ)
    try:
        with suppress(KeyboardInterrupt, asyncio.CancelledError):
            asyncio.run(given.run(given, address))
    except GolemError as error:
        print("\n".join(error.lines()), file=sys.stderr)
        sys.exit(1)


async def run_server(_given: argparse.Namespace, address: DaemonAddress) -> None:
    """``gftp server``."""
    from golemnet.gftp.json_rpc import MAX_LINE_BYTES
    from golemnet.gftp.server import serve

    _end_on_sigterm()
    # The answers are all that may appear on the output: whatever else prints, prints to stderr.
    output = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    reader = asyncio.StreamReader(limit=MAX_LINE_BYTES)
    stop_feeding = await _feed(reader)

    async def write(line: bytes) -> None:
        _write_all(output, line)

    try:
        with suppress(BrokenPipeError, asyncio.CancelledError):
            await serve(reader, write, address)
    finally:
        stop_feeding()


async def publish(given: argparse.Namespace, address: DaemonAddress) -> None:
    """``gftp publish``: share until interrupted."""

    async def share(link: Link) -> None:
        for file in given.files:
            print(f"{file}\t{await link.publish(file)}", flush=True)

    await _while_linked(address, share)


async def receive(given: argparse.Namespace, address: DaemonAddress) -> None:
    """``gftp receive``: wait for a file until interrupted."""

    async def wait_for(link: Link) -> None:
        print(f"{given.file}\t{await link.receive(given.file)}", flush=True)

    await _while_linked(address, wait_for)


async def download(given: argparse.Namespace, address: DaemonAddress) -> None:
    """``gftp download``."""
    from golemnet.gftp import transfer
    from golemnet.gftp.link import open_session

    async with open_session(address) as session:
        await transfer.download(session, address.api_url, _url(given.url), given.file)


async def upload(given: argparse.Namespace, address: DaemonAddress) -> None:
    """``gftp upload``."""
    from golemnet.gftp import transfer
    from golemnet.gftp.link import open_session

    async with open_session(address) as session:
        await transfer.upload(session, address.api_url, given.file, _url(given.url))


async def _while_linked(address: DaemonAddress, act: Callable[..., Awaitable[None]]) -> None:
    from golemnet.gftp.link import Link, open_session

    _end_on_sigterm()
    async with open_session(address) as session:
        link = Link(session, address.api_url)
        link.patience_s = PATIENCE_S
        running = asyncio.create_task(link.run())
        try:
            await act(link)
            with suppress(asyncio.CancelledError):
                await running
        finally:
            running.cancel()
            await asyncio.wait({running}, timeout=1)


def _url(text: str) -> GftpUrl:
    from golemnet.gftp.urls import parse_url

    try:
        return parse_url(text)
    except ValueError as error:
        raise GolemError("This is not the address of a shared file.", why=str(error)) from error


async def _feed(reader: asyncio.StreamReader) -> Callable[[], None]:
    """Connect the standard input to ``reader``; returns what ends that."""
    if _is_file(sys.stdin.fileno()):
        reader.feed_data(sys.stdin.buffer.read())
        reader.feed_eof()
        return lambda: None
    protocol = asyncio.StreamReaderProtocol(reader)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
    return transport.close


def _is_file(descriptor: int) -> bool:
    """Whether it is a plain file or /dev/null, which are there as a whole and cannot be waited for."""
    mode = os.fstat(descriptor).st_mode
    return stat.S_ISREG(mode) or (stat.S_ISCHR(mode) and not os.isatty(descriptor))


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except BlockingIOError:
            select.select([], [descriptor], [])


def _end_on_sigterm() -> None:
    current = asyncio.current_task()
    assert current is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, current.cancel)


def _parser() -> argparse.ArgumentParser:
    from golemnet.gftp.server import VERSION

    parser = argparse.ArgumentParser("gftp", description="Share files with other nodes through your daemon.")
    parser.add_argument("--version", action="version", version=f"gftp {VERSION}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, run: Callable[..., Awaitable[None]], text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(run=run)
        return command

    add("server", run_server, "Serve a program by JSON-RPC lines on standard input and output.")
    add("publish", publish, "Share files until interrupted.").add_argument("files", nargs="+", type=Path)
    add("receive", receive, "Wait for a file until interrupted.").add_argument("file", type=Path)
    fetching = add("download", download, "Fetch a file.")
    fetching.add_argument("url")
    fetching.add_argument("file", type=Path)
    sending = add("upload", upload, "Send a file.")
    sending.add_argument("file", type=Path)
    sending.add_argument("url")
    return parser


if __name__ == "__main__":
    main()
