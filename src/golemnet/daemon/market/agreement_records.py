"""Looking at the agreements of this node, and waiting for what happens to them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from golemnet.daemon.events import Signal
from golemnet.daemon.market import agreement_store
from golemnet.daemon.market.agreement_steps import ANY_AGREEMENT, required
from golemnet.daemon.market.agreement_store import StoredAgreement, StoredAgreementEvent
from golemnet.daemon.market.states import AgreementState
from golemnet.database.database import Database
from golemnet.rest.errors import BadRequest, RequestTimeout

COMMITMENT_TIMEOUT_S = 5.0


class AgreementRecords:
    """The agreements as they are stored.

    Args:
        database: keeps them.
        changed: fired with an agreement's id, and with ``ANY_AGREEMENT``, at every step.
    """

    def __init__(self, database: Database, changed: Signal[str]) -> None:
        self._database = database
        self._changed = changed

    async def find(self, agreement_id: str) -> StoredAgreement | None:
        """The agreement; None if this node has no part in it."""
        return await self._database.read(lambda c: agreement_store.find_agreement(c, agreement_id))

    async def committed(self, agreement_id: str) -> StoredAgreement | None:
        """As ``find``, once a requestor's commitment that may be on its way has arrived.

        A requestor may use an agreement before its answer to our approval is stored here.
        """

        async def look() -> StoredAgreement | None:
            agreement = await self.get(agreement_id)
            return None if agreement.state is AgreementState.APPROVING else agreement

        agreement = await self.find(agreement_id)
        if agreement is None or agreement.state is not AgreementState.APPROVING:
            return agreement
        return await self._changed.poll(agreement_id, look, COMMITMENT_TIMEOUT_S) or agreement

    async def get(self, agreement_id: str) -> StoredAgreement:
        """The agreement; NotFound if this node has no part in it."""
        return await self._database.read(lambda c: required(c, agreement_id))

    async def listed(
        self,
        state: str | None = None,
        before: datetime | None = None,
        after: datetime | None = None,
        app_session_id: str | None = None,
    ) -> list[StoredAgreement]:
        """The agreements that pass every given filter; ValueError if there is no such state."""
        states = None if state is None else _shown_as(state)
        return await self._database.read(
            lambda c: agreement_store.list_agreements(
                c, states=states, before=before, after=after, app_session_id=app_session_id
            )
        )

    async def events(
        self, after: datetime | None, app_session_id: str | None, timeout_s: float, limit: int
    ) -> list[StoredAgreementEvent]:
        """The oldest ``limit`` events strictly after an instant; waits for the first."""

        async def look() -> list[StoredAgreementEvent]:
            return await self._database.read(
                lambda c: agreement_store.agreement_events(c, after, app_session_id, limit)
            )

        return await self._changed.poll(ANY_AGREEMENT, look, timeout_s)

    async def termination(self, agreement_id: str) -> StoredAgreementEvent:
        """How the agreement was terminated: by whom, when, why.

        Raises:
            NotFound: this node has no part in it; BadRequest if it was not terminated.
        """

        def find(connection: Connection) -> StoredAgreementEvent | None:
            required(connection, agreement_id)
            return agreement_store.termination(connection, agreement_id)

        event = await self._database.read(find)
        if event is None:
            raise BadRequest("The agreement is not terminated.", agreement_id=agreement_id)
        return event

    async def settled(self, agreement_id: str, timeout_s: float) -> StoredAgreement:
        """The agreement once nobody has to answer any more.

        Raises:
            NotFound: this node has no part in it; RequestTimeout if ``timeout_s`` passes first.
        """

        async def look() -> StoredAgreement | None:
            agreement = await self.get(agreement_id)
            waits = agreement.state in (AgreementState.PENDING, AgreementState.APPROVING)
            return None if waits else agreement

        agreement = await self._changed.poll(agreement_id, look, timeout_s)
        if agreement is None:
            raise RequestTimeout("The other side has not answered in time.", agreement_id=agreement_id)
        return agreement


def _shown_as(state: str) -> list[AgreementState]:
    known = AgreementState(state)
    return [known, AgreementState.APPROVING] if known is AgreementState.PENDING else [known]
