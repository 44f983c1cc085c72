"""The lives of proposals and agreements as tables: (state, event) -> new state. Time and I/O are elsewhere.

A proposal::

    Initial, Draft -> Countered | Rejected | Expired
             Draft -> Accepted (an agreement is made of it) -> Draft again if that agreement comes to nothing

An agreement needs three steps, each signed: the requestor proposes, the provider approves, the requestor
commits. Until the commit the *requestor's* node decides: a withdrawal, an expiry and an approval that cross
each other meet in its database, and the provider's node takes over what was decided there::

    requestor: Proposal -> Pending ----------------> Approved -> Terminated
    provider:              Pending -> Approving ---> Approved -> Terminated
    either, before it is approved: Rejected | Cancelled | Expired

A message can come twice, or after the end: such pairs are in ``LATE`` and change nothing.
"""

from __future__ import annotations

from enum import StrEnum

from golemnet.rest.errors import ApiError, Conflict, Gone


class Role(StrEnum):
    """Which side of a document this node is; the values are those of the REST API."""

    REQUESTOR = "Requestor"
    PROVIDER = "Provider"

    @property
    def other(self) -> Role:
        """The side of the peer."""
        return Role.PROVIDER if self is Role.REQUESTOR else Role.REQUESTOR


class ProposalState(StrEnum):
    """Where a proposal is. Countered is shown as Draft."""

    INITIAL = "Initial"
    DRAFT = "Draft"
    COUNTERED = "Countered"
    REJECTED = "Rejected"
    ACCEPTED = "Accepted"
    EXPIRED = "Expired"


class ProposalEvent(StrEnum):
    """What happens to a proposal."""

    COUNTERED = "the other side of it was answered"
    REJECTED = "it was refused"
    PROMOTED = "an agreement was made of it"
    AGREEMENT_FAILED = "its agreement was rejected, cancelled or has expired"
    EXPIRED = "its time has passed"


class AgreementState(StrEnum):
    """Where an agreement is. Approving is shown as Pending."""

    PROPOSAL = "Proposal"
    PENDING = "Pending"
    APPROVING = "Approving"
    APPROVED = "Approved"
    REJECTED = "Rejected"
    CANCELLED = "Cancelled"
    EXPIRED = "Expired"
    TERMINATED = "Terminated"


class AgreementEvent(StrEnum):
    """What happens to an agreement."""

    CONFIRMED = "the requestor signed and sent it"
    APPROVED = "the provider signed it"
    COMMITTED = "the requestor took the provider's signature"
    REJECTED = "the provider refused it"
    CANCELLED = "the requestor withdrew it"
    EXPIRED = "its deadline for approval has passed"
    TERMINATED = "one side ended it"


_P, _PE = ProposalState, ProposalEvent
_A, _AE = AgreementState, AgreementEvent

PROPOSAL_STEPS: dict[tuple[ProposalState, ProposalEvent], ProposalState] = {
    (_P.INITIAL, _PE.COUNTERED): _P.COUNTERED,
    (_P.INITIAL, _PE.REJECTED): _P.REJECTED,
    (_P.INITIAL, _PE.EXPIRED): _P.EXPIRED,
    (_P.DRAFT, _PE.COUNTERED): _P.COUNTERED,
    (_P.DRAFT, _PE.REJECTED): _P.REJECTED,
    (_P.DRAFT, _PE.PROMOTED): _P.ACCEPTED,
    (_P.DRAFT, _PE.EXPIRED): _P.EXPIRED,
    # Who has refused may change its mind and answer after all.
    (_P.REJECTED, _PE.COUNTERED): _P.COUNTERED,
    (_P.ACCEPTED, _PE.AGREEMENT_FAILED): _P.DRAFT,
}

REQUESTOR_STEPS: dict[tuple[AgreementState, AgreementEvent], AgreementState] = {
    (_A.PROPOSAL, _AE.CONFIRMED): _A.PENDING,
    (_A.PROPOSAL, _AE.CANCELLED): _A.CANCELLED,
    (_A.PROPOSAL, _AE.EXPIRED): _A.EXPIRED,
    (_A.PENDING, _AE.COMMITTED): _A.APPROVED,
    (_A.PENDING, _AE.REJECTED): _A.REJECTED,
    (_A.PENDING, _AE.CANCELLED): _A.CANCELLED,
    (_A.PENDING, _AE.EXPIRED): _A.EXPIRED,
    (_A.APPROVED, _AE.TERMINATED): _A.TERMINATED,
}

PROVIDER_STEPS: dict[tuple[AgreementState, AgreementEvent], AgreementState] = {
    (_A.PENDING, _AE.APPROVED): _A.APPROVING,
    (_A.PENDING, _AE.REJECTED): _A.REJECTED,
    (_A.PENDING, _AE.CANCELLED): _A.CANCELLED,
    (_A.PENDING, _AE.EXPIRED): _A.EXPIRED,
    (_A.APPROVING, _AE.COMMITTED): _A.APPROVED,
    (_A.APPROVING, _AE.CANCELLED): _A.CANCELLED,
    (_A.APPROVING, _AE.EXPIRED): _A.EXPIRED,
    # The commit was lost, but only a committed agreement can be terminated.
    (_A.APPROVING, _AE.TERMINATED): _A.TERMINATED,
    (_A.APPROVED, _AE.TERMINATED): _A.TERMINATED,
    # A withdrawal that crossed our refusal: both sides shall end in the same state.
    (_A.REJECTED, _AE.CANCELLED): _A.CANCELLED,
}

STEPS = {Role.REQUESTOR: REQUESTOR_STEPS, Role.PROVIDER: PROVIDER_STEPS}

ENDED = (_A.REJECTED, _A.CANCELLED, _A.EXPIRED, _A.TERMINATED)
FAILED = (_A.REJECTED, _A.CANCELLED, _A.EXPIRED)

_DECIDED = (_A.APPROVED, *ENDED)

LATE: dict[Role, set[tuple[AgreementState, AgreementEvent]]] = {
    Role.REQUESTOR: {
        *((state, _AE.EXPIRED) for state in _DECIDED),
        *((state, _AE.REJECTED) for state in ENDED),
        (_A.APPROVED, _AE.COMMITTED),
        *((state, _AE.TERMINATED) for state in ENDED),
    },
    Role.PROVIDER: {
        *((state, _AE.EXPIRED) for state in _DECIDED),
        *((state, _AE.CANCELLED) for state in (_A.CANCELLED, _A.EXPIRED, _A.TERMINATED)),
        (_A.APPROVED, _AE.COMMITTED),
        (_A.TERMINATED, _AE.COMMITTED),
        *((state, _AE.TERMINATED) for state in ENDED),
    },
}


def step_proposal(state: ProposalState, event: ProposalEvent) -> ProposalState:
    """The state of a proposal after ``event``.

    Raises:
        Gone: the event does not fit the state; Conflict if an agreement was made of it already.
    """
    if (state, event) in PROPOSAL_STEPS:
        return PROPOSAL_STEPS[state, event]
    kind = Conflict if state is ProposalState.ACCEPTED else Gone
    raise kind(f"The proposal is {state}, so this cannot happen: {event}.")


def step_agreement(role: Role, state: AgreementState, event: AgreementEvent) -> AgreementState:
    """The state of our copy of an agreement after ``event``; the same state if the event comes too late.

    Raises:
        Conflict: the agreement is not sent yet, or sent twice.
        Gone: any other event that does not fit the state.
    """
    if is_late(role, state, event):
        return state
    if (state, event) in STEPS[role]:
        return STEPS[role][state, event]
    raise illegal(state, event)


def is_late(role: Role, state: AgreementState, event: AgreementEvent) -> bool:
    """Whether ``event`` is a known repetition, or comes after the end, and changes nothing."""
    return (state, event) in LATE[role]


def illegal(state: AgreementState, event: AgreementEvent) -> ApiError:
    """The error for an event that does not fit; what clients know: 409 too early, 410 too late."""
    too_early = state is AgreementState.PROPOSAL or event is AgreementEvent.CONFIRMED
    kind = Conflict if too_early else Gone
    return kind(f"The agreement is {shown(state)}, so this cannot happen: {event}.")


def shown(state: AgreementState | ProposalState) -> str:
    """The state's name in the REST API, which knows neither Approving nor Countered."""
    if state is AgreementState.APPROVING:
        return AgreementState.PENDING.value
    if state is ProposalState.COUNTERED:
        return ProposalState.DRAFT.value
    return state.value
