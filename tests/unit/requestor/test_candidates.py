"""Who gets the next agreement."""

from __future__ import annotations

import asyncio

from requestor_doors import PRICING

from golemnet.requestor import candidates
from golemnet.requestor.candidates import Candidate, Candidates


def filled(**scores: float) -> Candidates:
    waiting = Candidates()
    for name, score in scores.items():
        waiting.add(score, Candidate("proposal", name, name, PRICING, 1.0))
    return waiting


async def taken(waiting: Candidates, *unsuitable: str) -> str:
    candidate = await asyncio.wait_for(waiting.take(lambda name: name not in unsuitable), 20)
    return candidate.provider_id


async def test_the_best_comes_first_and_equals_in_the_order_of_their_coming():
    waiting = filled(a=1.0, b=3.0, c=1.0)
    assert [await taken(waiting) for _ in range(3)] == ["b", "a", "c"]


async def test_one_that_suits_comes_before_a_better_one():
    waiting = filled(a=1.0, b=3.0)
    assert [await taken(waiting, "b"), await taken(waiting, "b")] == ["a", "b"]


async def test_an_agreement_waits_for_somebody_to_sign_with():
    waiting = filled()
    taking = asyncio.create_task(taken(waiting))
    await asyncio.sleep(0)
    waiting.add(0.0, Candidate("proposal", "a", "a", PRICING, 1.0))
    assert await taking == "a"


def test_who_would_sign_is_known():
    waiting = filled(a=1.0, b=1.0)
    assert waiting.has_other_than({"a"})
    assert not waiting.has_other_than({"a", "b"})
    assert not filled().has_other_than(())


async def test_there_is_a_bound(monkeypatch):
    monkeypatch.setattr(candidates, "MAX_KEPT", 2)
    waiting = filled(a=1.0, b=1.0, c=9.0)
    assert [await taken(waiting), await taken(waiting)] == ["a", "b"]
    assert not waiting.has_other_than(())


async def test_who_is_not_allowed_is_left_waiting():
    waiting = filled(a=1.0, b=3.0)
    chosen = await asyncio.wait_for(waiting.take(lambda name: True, lambda name: name != "b"), 20)
    assert chosen.provider_id == "a"
    taking = asyncio.create_task(waiting.take(lambda name: True, lambda name: name != "b"))
    await asyncio.sleep(0)
    waiting.add(0.0, Candidate("proposal", "c", "c", PRICING, 1.0))
    assert (await asyncio.wait_for(taking, 20)).provider_id == "c"
    assert [each.provider_id for each in waiting.waiting()] == ["b"]
