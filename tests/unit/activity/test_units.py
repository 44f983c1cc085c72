"""A unit gets its batches in order, and none before it has said what it knows."""

from __future__ import annotations

import asyncio

from golemnet.daemon.activity.units import UnitLink, Units
from golemnet.rest.exeunit import ExecBatch, ToUnit


class Wire:
    def __init__(self) -> None:
        self.sent: list[str] = []
        self.closed = False

    async def send(self, frame: ToUnit) -> None:
        await asyncio.sleep(0)
        assert isinstance(frame, ExecBatch)
        self.sent.append(frame.batch_id)

    async def close(self) -> None:
        self.closed = True


def batch(name: str) -> ExecBatch:
    return ExecBatch(name, "[]")


async def test_nothing_is_sent_before_the_greeting():
    wire = Wire()
    link = UnitLink(wire.send, wire.close)
    await link.send(batch("early"))
    assert wire.sent == []


async def test_what_was_waiting_goes_before_what_comes():
    wire = Wire()
    link = UnitLink(wire.send, wire.close)

    async def pending() -> list[ExecBatch]:
        await asyncio.sleep(0.01)
        return [batch("1"), batch("2")]

    await asyncio.gather(link.greet(pending), link.send(batch("3")))
    assert wire.sent == ["1", "2", "3"]


async def test_a_new_link_takes_the_place_of_the_old():
    units, old, new = Units(), UnitLink(Wire().send, Wire().close), UnitLink(Wire().send, Wire().close)
    assert units.attach("a", old) is None
    assert units.attach("a", new) is old
    assert not units.detach("a", old)
    assert units.is_connected("a")
    assert units.detach("a", new)
    assert not units.is_connected("a")


async def test_a_broken_link_is_not_the_senders_problem():
    async def broken(_: ToUnit) -> None:
        raise ConnectionResetError

    async def nothing() -> list[ExecBatch]:
        return []

    units, link = Units(), UnitLink(broken, Wire().close)
    await link.greet(nothing)
    units.attach("a", link)
    await units.send("a", batch("1"))
