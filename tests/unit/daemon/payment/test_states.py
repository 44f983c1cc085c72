"""The life of a claim: every pair is a step, late, or refused; nothing leads out of an end."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from golemnet.daemon.payment.states import LATE, STEPS, Event, IllegalStep, State, step


@pytest.mark.parametrize(("state", "event"), list(product(State, Event)))
def test_every_pair_is_a_step_late_or_refused(state, event):
    if (state, event) in STEPS:
        assert (state, event) not in LATE
        assert step(state, event) != state
    elif (state, event) in LATE:
        assert step(state, event) == state
    else:
        with pytest.raises(IllegalStep):
            step(state, event)


@given(st.lists(st.sampled_from(Event)))
def test_what_is_accepted_is_never_rejected_or_cancelled(events):
    state, promised = State.ISSUED, False
    for event in events:
        try:
            state = step(state, event)
        except IllegalStep:
            continue
        promised = promised or state in (State.ACCEPTED, State.SETTLED)
        assert not (promised and state in (State.REJECTED, State.CANCELLED, State.RECEIVED))
