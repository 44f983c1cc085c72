from __future__ import annotations

from itertools import product

import pytest

from golemnet.daemon.market.states import (
    ENDED,
    LATE,
    PROPOSAL_STEPS,
    STEPS,
    AgreementEvent,
    AgreementState,
    ProposalEvent,
    ProposalState,
    Role,
    shown,
    step_agreement,
    step_proposal,
)
from golemnet.rest.errors import Conflict, Gone

REST_AGREEMENT_STATES = {
    "Proposal",
    "Pending",
    "Cancelled",
    "Rejected",
    "Approved",
    "Expired",
    "Terminated",
}
REST_PROPOSAL_STATES = {"Initial", "Draft", "Rejected", "Accepted", "Expired"}


@pytest.mark.parametrize("role", Role)
def test_every_pair_is_a_step_or_late_or_refused(role):
    for state, event in product(AgreementState, AgreementEvent):
        pair = (state, event)
        assert not (pair in STEPS[role] and pair in LATE[role])
        if pair in STEPS[role]:
            assert step_agreement(role, state, event) is STEPS[role][pair]
        elif pair in LATE[role]:
            assert step_agreement(role, state, event) is state
        else:
            with pytest.raises((Conflict, Gone)):
                step_agreement(role, state, event)


@pytest.mark.parametrize("role", Role)
def test_an_end_is_an_end(role):
    moves = {(state, new) for (state, _), new in STEPS[role].items() if state in ENDED}
    assert moves <= {(AgreementState.REJECTED, AgreementState.CANCELLED)}


@pytest.mark.parametrize("role", Role)
def test_nothing_is_approved_without_a_commitment(role):
    leading = {event for (_, event), new in STEPS[role].items() if new is AgreementState.APPROVED}
    assert leading == {AgreementEvent.COMMITTED}


def test_every_proposal_pair_is_a_step_or_refused():
    for pair in product(ProposalState, ProposalEvent):
        if pair in PROPOSAL_STEPS:
            assert step_proposal(*pair) is PROPOSAL_STEPS[pair]
        else:
            with pytest.raises((Conflict, Gone)):
                step_proposal(*pair)


def test_programs_see_the_states_of_the_api_only():
    assert {shown(state) for state in AgreementState} == REST_AGREEMENT_STATES
    assert {shown(state) for state in ProposalState} == REST_PROPOSAL_STATES
