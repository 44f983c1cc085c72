"""``golem run`` and ``golem map``: commands on other people's machines, as one-liners."""

from __future__ import annotations

import asyncio
import os
import secrets
import shlex
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from golemnet.cli.output import Row, show_error, show_one
from golemnet.cli.standard_input import spooled
from golemnet.errors import GolemError

if TYPE_CHECKING:
    from golemnet.sdk.commands import Finished
    from golemnet.sdk.costs import Estimate
    from golemnet.sdk.golem import Golem

MAX_HINTED = 3
Flag = Parameter(negative="")


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Terms:
    """What is bought, and for how much.

    Args:
        image: small, python, a tag or a hash.
        budget: GLM for everything; never exceeded.
        max_price: GLM for an hour of a machine, at most.
        retries: how often a command goes to another machine when one is lost.
        timeout: minutes for everything.
        output: the folder for files that commands make.
        subnet: the part of the market (default: YAGNA_SUBNET).
        deposit: the id of a deposit that pays instead of the node's account.
        driver: how is paid: erc20 or voucher (default: YAGNA_PAYMENT_DRIVER).
        report: where a page about the run goes, as HTML.
    """

    image: Annotated[str, Parameter(name=["--image", "-i"])] = "python"
    budget: Annotated[float, Parameter(name=["--budget", "-b"])] = 1.0
    max_price: float | None = None
    retries: int = 3
    timeout: float = 60.0
    output: Annotated[Path, Parameter(name=["--output", "-o"])] = Path(".")
    subnet: str | None = None
    deposit: str | None = None
    driver: str | None = None
    report: Path | None = None


USUAL = Terms()


def run(
    *command: Annotated[str, Parameter(allow_leading_hyphen=True)],
    file: Annotated[list[Path] | None, Parameter(name=["--file", "-f"], negative="")] = None,
    terms: Terms = USUAL,
) -> None:
    """Run one command on another machine: golem run -- python3 -c 'print(1)'.

    What comes by the standard input is sent to it, up to 1 GiB. Its output is printed, the files that it
    makes are fetched, and its status is the status of this.

    Args:
        command: a program and its arguments; a single text is a shell command.
        file: a file to send; may be given more than once.
        terms: what is bought.
    """
    if not command:
        raise GolemError("There is no command.", next_step="golem run -- python3 -c 'print(1)'")
    text = command[0] if len(command) == 1 else shlex.join(command)
    with spooled() as stdin:
        finished = asyncio.run(_run(text, file or [], stdin, terms))
    _print(finished)
    if finished.status and (here := unsent(text, file or [])):
        print(f"hint: Files of this machine are not sent unless asked for: {here}", file=sys.stderr)
    sys.exit(finished.status)


def map(
    command: str,
    /,
    *items: str,
    workers: Annotated[int, Parameter(name=["--workers", "-w"])] = 5,
    replicas: int = 1,
    unordered: Annotated[bool, Flag] = False,
    run: str | None = None,
    limit: float | None = None,
    file: Annotated[list[Path] | None, Parameter(name=["--file", "-f"], negative="")] = None,
    json: Annotated[bool, Parameter(name="--json", negative="")] = False,
    terms: Terms = USUAL,
) -> None:
    """Run a command for each item: golem map 'convert {} {.}.png' *.jpg.

    {} is the item, {.} the item without its extension. Items that are files are sent; files that commands
    make are fetched. Status 1 if a command has failed.

    Args:
        command: a shell command.
        items: files or texts; lines of the standard input if there are none.
        workers: machines at once.
        replicas: so many machines must agree on each output.
        unordered: print as they are done, not in the order of the items.
        run: a name, by which `golem resume` goes on with it; made up if it is not given.
        limit: seconds that a command may take on one machine; after that another one gets it.
        file: a file that all commands need; may be given more than once.
        json: a line of JSON for each item.
        terms: what is bought.
    """
    options: dict[str, Any] = {"replicas": replicas, "ordered": not unordered, "files": file or ()}
    if limit is not None:
        options["timeout"] = timedelta(seconds=limit)
    name = run or os.environ.get("GOLEM_RUN") or f"map-{secrets.token_hex(3)}"
    try:
        asyncio.run(_map(command, items, workers, options, terms, json, name))
    except SomeFailed:
        sys.exit(1)


def unsent(command: str, sent: Sequence[Path]) -> str:
    """The options that would send the files which a command names."""
    try:
        words = shlex.split(command)
    except ValueError:
        return ""
    names = {path.name for path in sent}
    here = [word for word in words if os.path.isfile(word) and Path(word).name not in names]
    return shlex.join(part for word in here[:MAX_HINTED] for part in ("--file", word))


async def _run(command: str, files: Sequence[Path], stdin: Path | None, terms: Terms) -> Finished:
    from golemnet.sdk.errors import ShellFailed

    async with golem_for(terms, 1, 1) as golem:
        try:
            return await golem.run(command, files, stdin=stdin, output=terms.output)
        except ShellFailed as error:
            return error.result


def estimate(
    tasks: int,
    seconds: float,
    /,
    *,
    workers: Annotated[int, Parameter(name=["--workers", "-w"])] = 5,
    json: Annotated[bool, Parameter(name="--json", negative="")] = False,
    terms: Terms = USUAL,
) -> None:
    """Say what a job would cost at the prices of now; nothing is bought.

    Args:
        tasks: how many there are.
        seconds: what each takes.
        workers: machines at once.
        json: print JSON for programs.
        terms: what would be bought.
    """
    import msgspec

    found = asyncio.run(_estimate(tasks, seconds, workers, terms))
    show_one(msgspec.structs.asdict(found) if json else _in_words(found), as_json=json)


def _in_words(found: Estimate) -> Row:
    from golemnet.model.money import format_amount

    return {
        "providers": found.providers,
        "cheapest": f"{format_amount(found.cheapest_per_hour)} GLM an hour",
        "median": f"{format_amount(found.median_per_hour)} GLM an hour",
        "cost": f"{format_amount(found.cost)} GLM",
        "at most": f"{format_amount(found.most)} GLM",
        "time": f"{found.seconds:g} s",
    }


async def _estimate(tasks: int, seconds: float, workers: int, terms: Terms) -> Estimate:
    async with golem_for(terms, workers, None) as golem:
        return await golem.estimate(tasks, seconds)


class SomeFailed(Exception):
    """A command has failed; the run does not count as ended, so that it can go on when that is mended."""


async def _map(
    command: str, items: Sequence[str], workers: int, options: Any, terms: Terms, as_json: bool, run: str
) -> None:
    """Raises SomeFailed."""
    failures = Failures()
    async with golem_for(terms, workers, len(items) or None, run) as golem:
        found = golem.map(command, items or _lines(), output=terms.output, return_exceptions=True, **options)
        async for each in found:
            _show(each, as_json, failures)
        failures.end()


class Failures:
    """Tells of failures on stderr; of one that all have in common once, and how many have it."""

    def __init__(self) -> None:
        self.count = 0
        self._last = ""

    def tell(self, error: GolemError) -> None:
        """Something has failed."""
        self.count += 1
        if str(error) != self._last:
            self._last = str(error)
            show_error(error)

    def end(self) -> None:
        """Nothing more comes. Raises SomeFailed if anything has failed."""
        if self.count > 1:
            print(f"{self.count} commands have failed", file=sys.stderr)
        if self.count:
            raise SomeFailed


def _show(found: Any, as_json: bool, failures: Failures) -> None:
    """Print what a command has come to."""
    import msgspec

    from golemnet.sdk.commands import Finished
    from golemnet.sdk.errors import ShellFailed

    finished = found.result if isinstance(found, ShellFailed) else found
    if isinstance(finished, GolemError):
        failures.tell(finished)
        return
    assert isinstance(finished, Finished)
    if as_json:
        print(msgspec.json.encode(finished).decode(), flush=True)
    else:
        _print(finished)
    if isinstance(found, ShellFailed):
        failures.tell(GolemError(found.what))  # the rest is what it has written, which is there already


def _print(finished: Finished) -> None:
    sys.stdout.write(finished.stdout)
    sys.stdout.flush()
    sys.stderr.write(finished.stderr)


async def _lines() -> AsyncIterator[str]:
    """Lines of the standard input, as they come."""
    while line := await asyncio.to_thread(sys.stdin.readline):
        yield line.rstrip("\n")


@asynccontextmanager
async def golem_for(
    terms: Terms, workers: int, total: int | None, run: str | None = None
) -> AsyncIterator[Golem]:
    """A Golem on these terms, whose progress is shown."""
    from golemnet.sdk.commands import check_output
    from golemnet.sdk.golem import Golem
    from golemnet.sdk.progress import Notes

    check_output(terms.output)
    notes = Notes()
    notes.total = total
    async with Golem(
        terms.budget,
        image=terms.image,
        workers=workers,
        retries=terms.retries,
        timeout=timedelta(minutes=terms.timeout),
        max_price=terms.max_price,
        subnet_tag=terms.subnet,
        payment_driver=terms.driver,
        deposit=terms.deposit,
        run=run,
        report=terms.report,
        event_consumer=notes,
    ) as golem:
        yield golem
