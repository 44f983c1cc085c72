"""What the activity service needs to know of an agreement; the market service answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from golemnet.rest.errors import BadRequest, NotFound

APPROVED = "Approved"


class AgreementView(Protocol):
    """The parts of an agreement that permit an activity."""

    @property
    def agreement_id(self) -> str:
        """Its id."""
        ...

    @property
    def requestor_id(self) -> str:
        """Who buys."""
        ...

    @property
    def provider_id(self) -> str:
        """Who sells."""
        ...

    @property
    def state(self) -> str:
        """Its state as in the REST API."""
        ...

    @property
    def app_session_id(self) -> str | None:
        """The session of the program that has approved or confirmed it here."""
        ...


Agreements = Callable[[str], Awaitable[AgreementView | None]]


async def approved(agreements: Agreements, agreement_id: str) -> AgreementView:
    """The approved agreement ``agreement_id``.

    Raises:
        NotFound: this node has none of that id.
        BadRequest: it is not approved, or has ended.
    """
    agreement = await agreements(agreement_id)
    if agreement is None:
        raise NotFound("There is no such agreement.", agreement_id=agreement_id)
    if agreement.state != APPROVED:
        raise BadRequest(
            f"The agreement is {agreement.state}, an activity needs an approved one.",
            agreement_id=agreement_id,
        )
    return agreement
