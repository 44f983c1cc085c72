"""What stands in the journal of a run: a line of JSON for each thing that has happened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import BinaryIO

import msgspec

from golemnet.requestor.leftovers import Leftovers


class Began(msgspec.Struct, frozen=True, tag="began"):
    """The first line: how the run was started, so that it can be started again."""

    arguments: Sequence[str]
    folder: str
    at: datetime


class Done(msgspec.Struct, frozen=True, tag="done"):
    """A call has come to a result; ``value`` is its pickle."""

    key: str
    provider_id: str
    provider_name: str
    seconds: float
    value: bytes


class Reserved(msgspec.Struct, frozen=True, tag="reserved"):
    """Money was set aside for the run."""

    allocation_id: str


class Signed(msgspec.Struct, frozen=True, tag="signed"):
    """A provider works for the run."""

    agreement_id: str
    at: datetime


class Accepted(msgspec.Struct, frozen=True, tag="accepted"):
    """The invoice of an agreement will be paid; ``amount`` in GLM."""

    agreement_id: str
    amount: Decimal


class Ended(msgspec.Struct, frozen=True, tag="ended"):
    """The last line: everything was done."""

    done: int
    at: datetime


Line = Began | Done | Reserved | Signed | Accepted | Ended
decoder = msgspec.json.Decoder(Line)


def lines_of(file: BinaryIO) -> Iterator[tuple[int, int, Line]]:
    """Each whole line, with where it begins and ends."""
    file.seek(0)
    place = 0
    for text in file:
        try:
            line = decoder.decode(text)
        except msgspec.MsgspecError:
            return
        if not text.endswith(b"\n"):
            return
        yield place, place + len(text), line
        place += len(text)


def leftovers_of(lines: Sequence[Line], stopped: datetime) -> Leftovers:
    """What a run that has stopped after these lines has left at others."""
    left = Leftovers(stopped)
    for line in lines:
        match line:
            case Reserved(allocation_id):
                left.allocations.append(allocation_id)
            case Signed(agreement_id, at):
                left.agreements[agreement_id] = at
            case Accepted(agreement_id, amount):
                left.agreements.pop(agreement_id, None)
                left.spent += amount
            case _:
                continue
    return left
