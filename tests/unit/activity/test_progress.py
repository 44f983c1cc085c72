"""A poll may spare the database only when it is certain that the result is not there."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from golemnet.daemon.activity import progress
from golemnet.daemon.activity.progress import Progress
from golemnet.rest.activity import ExeScriptCommandResult

KEY = ("activity", "batch")


def result(index: int, *, last: bool = False) -> ExeScriptCommandResult:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return ExeScriptCommandResult(index=index, event_date=now, result="Ok", is_batch_finished=last)


@pytest.mark.parametrize("wanted", [None, 0, 5])
def test_nothing_is_certain_of_a_batch_that_is_not_known(wanted):
    known = Progress()
    known.add(KEY, [result(0)])
    assert not known.knows(KEY)
    assert not known.lacks(KEY, wanted)


def test_what_is_not_stored_is_lacking():
    known = Progress()
    known.begin(KEY)
    assert known.lacks(KEY, 0)
    known.add(KEY, [result(1), result(0)])
    assert not known.lacks(KEY, 1)
    assert known.lacks(KEY, 2)
    assert known.lacks(KEY, None)


@pytest.mark.parametrize("wanted", [None, 0, 9])
def test_a_finished_batch_lacks_nothing(wanted):
    known = Progress()
    known.begin(KEY)
    known.add(KEY, [result(0, last=True)])
    assert not known.lacks(KEY, wanted)


def test_the_oldest_make_room(monkeypatch):
    monkeypatch.setattr(progress, "MAX_BATCHES", 2)
    known = Progress()
    for name in ("one", "two", "three"):
        known.begin(("activity", name))
    assert not known.knows(("activity", "one"))
    assert known.knows(("activity", "three"))
