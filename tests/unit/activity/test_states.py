"""The table of an activity's states is complete, and nothing leads out of the end."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from golemnet.daemon.activity.states import LATE, LIVE, STEPS, Event, IllegalStep, State, event_of, step


@pytest.mark.parametrize(("state", "event"), list(product(State, Event)))
def test_every_pair_has_a_step_is_late_or_raises(state: State, event: Event):
    if (state, event) in LATE:
        assert step(state, event) is state
    elif (state, event) in STEPS:
        assert step(state, event) in State
    else:
        with pytest.raises(IllegalStep):
            step(state, event)
    assert not ((state, event) in LATE and (state, event) in STEPS)


@given(st.lists(st.sampled_from(Event)))
def test_the_end_is_the_end(events: list[Event]):
    state = step(State.READY, Event.ENDED)
    for event in events:
        state = step(state, event)
    assert state is State.TERMINATED


def test_the_usual_life():
    state = State.NEW
    for reported in (
        "Initialized",
        "Deployed",
        "Ready",
        "Unresponsive",
        "Ready",
        "Initialized",
        "Terminated",
    ):
        state = step(state, event_of(reported))
        assert state == reported


@pytest.mark.parametrize("state", LIVE)
def test_whatever_lives_can_end(state: State):
    assert step(state, Event.ENDED) is State.TERMINATED


@pytest.mark.parametrize("text", ["New", "", "ready", "x" * 1000])
def test_what_is_no_report_is_refused(text: str):
    with pytest.raises(IllegalStep):
        event_of(text)
