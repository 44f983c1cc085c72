"""What a script leaves at others if it is killed, and how the next script of the same node winds it up.

While a script lives it holds a lock on its file. One that nobody holds is of a process that is gone, however
it went: its agreements are ended, their invoices accepted from its own allocation, and that is released. For
invoices that have not come, a script that has ended leaves a will, too, and reserved what they may ask for.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import BinaryIO, Self

import msgspec

from golemnet.clock import Clock
from golemnet.file_locks import lock, try_lock
from golemnet.requestor.budget import Budget
from golemnet.requestor.events import Event
from golemnet.requestor.home import home
from golemnet.requestor.leftovers import Leftovers
from golemnet.requestor.payments import Cashier
from golemnet.rest.client import Client
from golemnet.rest.errors import ApiError
from golemnet.rest.payment import AllocationUpdate
from golemnet.rest.transport import DaemonUnreachable

SUFFIX = ".will"
SIGN_OF_LIFE_S = 15.0
LOOK_S = 10.0
INVOICES_S = 30.0
# Providers whose node comes back within that time are paid.
LATE_FOR = timedelta(days=1)
AGAIN = timedelta(minutes=10)
NOTHING = Decimal(0)
# What a node has left that never comes back has ended by itself long before.
KEPT_FOR = timedelta(days=30)

log = logging.getLogger(__name__)


class State(msgspec.Struct, frozen=True):
    """Who has reserved what, and owes to which agreements; ``left`` is what they may cost at most, in GLM."""

    node_id: str
    allocation_id: str
    left: Decimal
    agreements: dict[str, datetime]


class Will:
    """The file of one script, which is this process's alone while it is open."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path = path
        self._file = file

    @classmethod
    def new(cls, allocation_id: str) -> Self:
        """One for an allocation that was made. Where nothing can be kept, nobody will know."""
        path = folder() / f"{allocation_id}{SUFFIX}"
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
            lock(descriptor)  # who looks for the dead may hold it for a moment
        except OSError as error:
            log.info("what is left at others if this is killed is not kept why=%s", error)
            return cls(path, open(os.devnull, "rb+", buffering=0))
        return cls(path, os.fdopen(descriptor, "rb+", buffering=0))

    def write(self, state: State) -> None:
        """The last line holds. It is with the system when this returns: a kill does not take it away."""
        with suppress(OSError):
            self._file.write(msgspec.json.encode(state) + b"\n")

    def read(self) -> State | None:
        """What was written last; None if that was nothing whole."""
        self._file.seek(0)
        for line in reversed(self._file.read().splitlines()):
            with suppress(msgspec.MsgspecError):
                return msgspec.json.decode(line, type=State)
        return None

    @property
    def stopped(self) -> datetime:
        """When its script last showed signs of life."""
        return datetime.fromtimestamp(os.fstat(self._file.fileno()).st_mtime, UTC)

    async def stay_alive(self, clock: Clock) -> None:
        """Show signs of life until cancelled."""
        while True:
            await clock.sleep(SIGN_OF_LIFE_S)
            with suppress(OSError):
                os.utime(self._file.fileno())

    def keep(self) -> None:
        """Leave it to others."""
        self._file.close()

    def done(self) -> None:
        """Nothing is left at others."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)
        self._file.close()


def folder() -> Path:
    """Where wills are."""
    return home() / "wills"


def of_the_dead(node_id: str) -> Iterator[tuple[Will, State]]:
    """The wills of scripts of this node that are gone; they are this process's now."""
    for path in sorted(folder().glob(f"*{SUFFIX}")):
        with suppress(OSError):
            if (will := _taken(path)) is None:
                continue
            state = will.read()
            if state is not None and state.node_id == node_id:
                yield will, state
            elif datetime.now(UTC) - will.stopped > KEPT_FOR:
                will.done()
            else:
                will.keep()


def _taken(path: Path) -> Will | None:
    """None if its script lives, or another one winds it up."""
    file = path.open("rb+", buffering=0)
    if try_lock(file):
        return Will(path, file)
    file.close()
    return None


async def wind_up_the_dead(node_id: str, own: Sequence[str], client: Client, clock: Clock) -> None:
    """Wind up the scripts that are gone, and those that are killed from now on, until cancelled.

    Args:
        node_id: whose scripts.
        own: allocations that the caller sees to.
        client: the daemon.
        clock: time.
    """
    later: dict[str, datetime] = {}

    async def attend(will: Will, state: State) -> None:
        if await wind_up(will, state, client, clock):
            later[state.allocation_id] = clock.now() + AGAIN

    async with asyncio.TaskGroup() as group:
        while True:
            for will, state in of_the_dead(node_id):
                if state.allocation_id in own:
                    will.done()
                elif state.allocation_id in later and clock.now() < later[state.allocation_id]:
                    will.keep()
                else:
                    group.create_task(attend(will, state))
            await clock.sleep(LOOK_S)


async def wind_up(will: Will, state: State, client: Client, clock: Clock) -> bool:
    """End what a dead script has left, and pay for it; what is not done when cancelled stays in the will.

    Returns:
        Whether invoices are late, so that it has to be tried again.
    """
    until, is_late = will.stopped + LATE_FOR, False
    try:
        asked = await _pay(will.stopped, state, client, clock)
        late = asked if clock.now() < until else NOTHING
        is_late = await give_back(client, state.allocation_id, late, until)
        if not is_late:
            will.done()
    except DaemonUnreachable as error:
        log.info("the daemon is away before all was wound up why=%s", error)
    finally:
        will.keep()
    return is_late


async def give_back(client: Client, allocation_id: str, late: Decimal, until: datetime) -> bool:
    """Release an allocation but for what late invoices may ask, ``until`` then; whether that is kept.

    Raises:
        DaemonUnreachable: nobody knows.
    """
    if late and await _keep(client, allocation_id, late, until):
        return True
    await release(client, allocation_id)
    return False


async def _keep(client: Client, allocation_id: str, late: Decimal, until: datetime) -> bool:
    """Give back all but ``late``; False if nothing of it can be kept until then."""
    try:
        allocation = await client.payment.get_allocation(allocation_id)
        most = min(late, allocation.remaining_amount)
        # a deposit has an end of its own
        if allocation.deposit is not None or not most:
            return False
        change = AllocationUpdate(total_amount=allocation.spent_amount + most, timeout=until)
        await client.payment.amend_allocation(allocation_id, change)
        return True
    except ApiError:
        return False


async def release(client: Client, allocation_id: str) -> None:
    """Give an allocation back, if it is still there. Raises DaemonUnreachable."""
    # one that hangs would do it later, and before a successor has paid from it
    if client.silence.error is not None:
        raise client.silence.error
    with suppress(ApiError):
        await client.payment.release_allocation(allocation_id)


async def _pay(stopped: datetime, state: State, client: Client, clock: Clock) -> Decimal:
    """Answer the invoices that come in time; what the others may ask for, in GLM."""
    if not state.agreements:
        return NOTHING
    left = Leftovers(stopped, agreements=state.agreements)
    cashier = Cashier(client, clock, Budget(state.left), state.allocation_id, _note)
    await left.end(client, cashier, clock.now())
    answering = asyncio.create_task(cashier.run(left.since))
    try:
        await cashier.settle(INVOICES_S)
    finally:
        answering.cancel()
        await asyncio.gather(answering, return_exceptions=True)
    return cashier.late(clock.now())


def _note(event: Event) -> None:
    log.info("of a script that is gone: %s", event)
