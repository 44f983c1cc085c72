import asyncio
from datetime import UTC, datetime

from golemnet.exeunit.journal import MAX_WAITING_EVENTS, Journal
from golemnet.rest.activity import ExeScriptCommandResult
from golemnet.rest.exeunit import Event, Result, StateChanged, Usage

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def result(index):
    return Result("batch", ExeScriptCommandResult(index=index, event_date=NOW, result="Ok"))


def event(index):
    return Event("batch", index, NOW, {"stdout": "x"})


async def drain(journal):
    frames = []
    waiting = asyncio.create_task(journal.wait_until_sent())
    while not waiting.done():
        try:
            frames.append(await asyncio.wait_for(journal.next(), 0.02))
            journal.sent()
        except TimeoutError:
            break
    waiting.cancel()
    return frames


async def test_results_go_again_after_a_reconnection_and_events_do_not():
    journal = Journal()
    for frame in (event(0), result(0), StateChanged("Ready")):
        journal.put(frame)
    await drain(journal)
    journal.put(result(1))
    journal.rewind()
    assert await drain(journal) == [result(0), result(1)]
    journal.rewind()
    assert await drain(journal) == [result(0), result(1)]


async def test_a_frame_that_was_not_sent_stays():
    journal = Journal()
    journal.put(event(0))
    assert await journal.next() == event(0)
    journal.rewind()
    assert await journal.next() == event(0)


async def test_events_are_dropped_before_results():
    journal = Journal()
    for index in range(MAX_WAITING_EVENTS + 10):
        journal.put(event(index))
    journal.put(result(0))
    frames = await drain(journal)
    assert len(frames) == MAX_WAITING_EVENTS + 1
    assert frames[-1] == result(0)


async def test_only_the_last_usage_waits():
    journal = Journal()
    journal.put(Usage([1.0], NOW))
    journal.put(Usage([2.0], NOW))
    assert await drain(journal) == [Usage([2.0], NOW)]
