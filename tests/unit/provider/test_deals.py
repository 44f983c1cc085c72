"""What happens to an agreement reaches the deal that serves it, also while the agreement is being signed."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from golemnet.provider.deal import ActivityUnwanted, ActivityWanted, Happening, Over
from golemnet.provider.deals import Deals
from golemnet.rest.activity import ProviderEvent
from golemnet.rest.market import AgreementTerminatedEvent

AGREEMENT = "agreement-1"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class RecordedDeal:
    """Stands for a deal: hears, and is over when it is told so."""

    def __init__(self) -> None:
        self.heard: list[Happening] = []
        self._over: asyncio.Future[Over] = asyncio.get_running_loop().create_future()

    def tell(self, happening: Happening) -> None:
        self.heard.append(happening)
        if isinstance(happening, Over):
            self._over.set_result(happening)

    async def run(self) -> Over:
        return await self._over

    async def close(self, over: Over) -> None:
        pass


@pytest.fixture
def refused() -> list[tuple[str, str]]:
    return []


@pytest.fixture
def deals(refused) -> Deals:
    async def refuse(activity_id: str, message: str) -> None:
        refused.append((activity_id, message))

    return Deals(1, refuse)


def created(activity_id: str) -> ProviderEvent:
    return ProviderEvent(activity_id, AGREEMENT, {"CreateActivity": {}}, NOW)


def destroyed(activity_id: str) -> ProviderEvent:
    return ProviderEvent(activity_id, AGREEMENT, {"DestroyActivity": {}}, NOW)


def terminated() -> AgreementTerminatedEvent:
    return AgreementTerminatedEvent(NOW, AGREEMENT, "Requestor", "signature", {"message": "enough"})


async def test_what_happens_before_our_signature_is_confirmed_waits_for_it(deals, refused):
    assert deals.promise(AGREEMENT)
    await deals.activity_event(created("a"))
    await deals.activity_event(destroyed("a"))
    deals.agreement_event(terminated())
    deal = RecordedDeal()
    deals.begin(AGREEMENT, deal)
    await deals.withdraw(AGREEMENT)
    over = Over("", "Ended by the requestor: enough", terminated=True)
    assert deal.heard == [ActivityWanted("a"), ActivityUnwanted("a"), over]
    assert refused == []


async def test_an_activity_of_an_agreement_that_was_not_signed_is_refused(deals, refused):
    assert deals.promise(AGREEMENT)
    await deals.activity_event(created("a"))
    await deals.withdraw(AGREEMENT)
    assert refused == [("a", "The agreement of the activity was not signed.")]
    assert not deals.knows(AGREEMENT)


async def test_an_activity_of_an_unknown_agreement_is_refused(deals, refused):
    await deals.activity_event(created("a"))
    await deals.activity_event(destroyed("b"))
    assert refused == [("a", "The agreement of the activity has ended.")]


async def test_an_agreement_that_is_being_signed_takes_room(deals):
    assert deals.promise(AGREEMENT)
    assert not deals.promise("agreement-2")
    await deals.withdraw(AGREEMENT)
    assert deals.promise("agreement-2")


async def test_room_is_free_again_when_the_agreement_is_over(deals):
    deals.promise(AGREEMENT)
    deals.begin(AGREEMENT, RecordedDeal())
    assert deals.is_full
    deals.changed.clear()
    deals.agreement_event(terminated())
    await asyncio.wait_for(deals.changed.wait(), 20)
    assert not deals.is_full
