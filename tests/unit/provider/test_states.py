"""The life of an agreement at a provider: every agreement can end, and what is paid stays paid."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from golemnet.provider.states import FINAL, TRANSITIONS, Event, State, after

USUAL = [Event.END, Event.INVOICE, Event.ACCEPT, Event.SETTLE]


def test_the_usual_life():
    state, seen = State.OPEN, []
    for event in USUAL:
        seen.append(state := after(state, event))
    assert seen == [State.ENDED, State.INVOICED, State.ACCEPTED, State.SETTLED]


@pytest.mark.parametrize(("state", "event"), list(product(State, Event)))
def test_what_says_nothing_new_changes_nothing(state, event):
    assert after(state, event) is TRANSITIONS.get((state, event), state)
    assert after(after(state, event), event) is after(state, event)


@given(st.lists(st.sampled_from(Event)))
def test_whatever_events_come_nothing_is_billed_before_its_end_or_paid_without_a_bill(events):
    state, seen = State.OPEN, {State.OPEN}
    for event in events:
        state = after(state, event)
        seen.add(state)
    assert State.INVOICED not in seen or State.ENDED in seen
    assert seen.isdisjoint({State.ACCEPTED, State.REJECTED, State.SETTLED}) or State.INVOICED in seen


@given(st.lists(st.sampled_from(Event)))
def test_what_is_paid_is_paid(events):
    state = State.SETTLED
    for event in events:
        state = after(state, event)
    assert state is State.SETTLED


@given(st.lists(st.sampled_from(Event)))
def test_from_wherever_events_have_led_the_usual_end_is_reached(events):
    state = State.OPEN
    for event in [*events, *USUAL]:
        state = after(state, event)
    assert state is State.SETTLED


def test_only_what_nothing_can_change_is_final():
    assert {state for state in State if all(after(state, event) is state for event in Event)} == FINAL


def test_a_requestor_may_accept_what_it_has_rejected():
    assert after(State.REJECTED, Event.ACCEPT) is State.ACCEPTED
    assert after(State.ACCEPTED, Event.REJECT) is State.ACCEPTED
