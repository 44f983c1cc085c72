"""What is known of providers: kept from run to run, and used to choose among offers."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from golemnet.errors import GolemError
from golemnet.model.pricing import LinearPricing
from golemnet.requestor.strategies import OfferView
from golemnet.sdk.calls import Outcome
from golemnet.sdk.costs import Book
from golemnet.sdk.providers import Provider, allow, block, known_providers, learn
from golemnet.sdk.strategies import BestValue, Cheapest, InTime

ANN, BOB = "0x" + "a" * 40, "0x" + "b" * 40


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("GOLEM_DATA_DIR", str(tmp_path))
    return tmp_path


def offer(provider_id, per_hour):
    pricing = LinearPricing(["golem.usage.duration_sec"], [Decimal(str(per_hour)) / 3600], Decimal(0))
    return OfferView(provider_id, {"golem.inf.cpu.threads": 2, **pricing.to_properties()})


def scores(strategy, *offers):
    return [asyncio.run(strategy.score_offer(each)) for each in offers]


def known(*providers):
    return {each.provider_id: each for each in providers}


async def collect(results):
    async with asyncio.timeout(30):
        return [each async for each in results]


async def test_a_run_is_remembered(shop):
    for _ in range(2):
        async with shop.golem(workers=1) as golem:
            await collect(golem.map(abs, range(-5, 0)))
    seen = known_providers()
    assert sum(each.done for each in seen.values()) == 10
    assert {each.name for each in seen.values()} <= {"ann", "bob", "cid"}
    assert all(each.reliability == 1 for each in seen.values())


def test_runs_add_up_and_a_broken_file_is_as_none(home):
    learn(known(Provider(ANN, "ann", done=3, failed=1, seconds=3600, spent=Decimal(2), speed=2.0)))
    learn(known(Provider(ANN, "ann", done=9, disputes=1, spent=Decimal(1), seconds=3600, speed=1.0)))
    ann = known_providers()[ANN]
    assert (ann.done, ann.failed, ann.disputes, ann.per_hour) == (12, 1, 1, Decimal("1.5"))
    assert ann.speed == pytest.approx(1.25)
    assert ann.reliability == pytest.approx(14 / 25)
    (home / "providers.json").write_text("[{")
    assert known_providers() == {}


def test_blocked_ones_are_refused_until_they_are_allowed():
    learn(known(Provider(ANN, "ann", done=1, disputes=2)))
    block(ANN.upper().replace("0X", "0x"), "has lied")
    assert known_providers()[ANN].why == "has lied"
    [ann, bob] = scores(BestValue(), offer(ANN, 0.01), offer(BOB, 0.01))
    assert ann < 0 < bob
    assert scores(Cheapest(), offer(ANN, 0.01))[0] < 0
    allow(ANN)
    assert scores(BestValue(), offer(ANN, 0.01))[0] > 0
    assert known_providers()[ANN].disputes == 0


def test_a_provider_is_known_by_its_name_or_the_beginning_of_its_id():
    other = ANN[:10] + "c" * 32
    learn(known(Provider(ANN, "ann"), Provider(BOB, "bob"), Provider(other, "ann")))
    assert block("bob", "").provider_id == BOB
    assert allow("0xBBBB…").provider_id == BOB
    assert block(other[:11], "").provider_id == other
    for text in ("ann", ANN[:10]):
        with pytest.raises(GolemError, match="2 fit") as caught:
            block(text, "")
        assert ANN in caught.value.why
        assert other in caught.value.why
    for text in ("cid", "0x", "", "0xb"):
        with pytest.raises(GolemError, match="no provider's name"):
            block(text, "")
    new = "0x" + "d" * 40
    assert block(new, "").provider_id == new, "a whole id may be that of somebody unknown"


def test_value_is_speed_and_reliability_for_the_price():
    same = [offer(ANN, 0.02), offer(BOB, 0.02)]
    for better, worse in [
        (Provider(ANN, speed=2.0), Provider(BOB)),
        (Provider(ANN, done=50), Provider(BOB, done=50, failed=5)),
        (Provider(ANN, done=50, failed=5), Provider(BOB, done=50, disputes=1)),
    ]:
        ann, bob = scores(BestValue(known=known(better, worse)), *same)
        assert ann > bob
    quick = known(Provider(ANN, speed=2.0))
    ann, bob = scores(BestValue(known=quick), offer(ANN, 0.03), offer(BOB, 0.02))
    assert ann > bob, "twice as quick is worth half as much again"
    ann, bob = scores(BestValue(known=quick), offer(ANN, 0.05), offer(BOB, 0.02))
    assert ann < bob
    ann, bob = scores(Cheapest(known=quick), offer(ANN, 0.03), offer(BOB, 0.02))
    assert ann < bob


def test_what_time_does_not_bound_needs_a_price_of_its_own():
    stored = "golem.usage.storage_gib"
    counters, prices = ["golem.usage.duration_sec", stored], [Decimal("0.00001"), Decimal("0.1")]
    by_room = OfferView(ANN, LinearPricing(counters, prices, Decimal(0)).to_properties())
    caps = {stored: Decimal("0.1")}
    for strategy in (BestValue, Cheapest):
        assert scores(strategy(known={}), by_room)[0] < 0
        assert scores(strategy(known={}, max_price_for=caps), by_room)[0] > 0
        assert scores(strategy(Decimal(1), {}, max_price_for=caps), by_room)[0] > 0


def test_nobody_is_dearer_than_the_limit():
    cheap, dear = scores(BestValue(Decimal("0.02"), {}), offer(ANN, 0.019), offer(BOB, 0.021))
    assert dear < 0 < cheap
    assert scores(BestValue(known={}), offer(ANN, 100))[0] < 0, "absurdly dear"


def test_the_cheapest_that_is_in_time():
    now = datetime(2030, 1, 1, tzinfo=UTC)
    seen = known(Provider(ANN, speed=3.0, done=100), Provider(BOB, speed=1.0, done=100))
    offers = [offer(ANN, 0.05), offer(BOB, 0.01)]

    def choose(minutes):
        strategy = InTime(now + timedelta(minutes=minutes), 3600, 2, known=seen, now=lambda: now)
        ann, bob = scores(strategy, *offers)
        return "ann" if ann > bob else "bob"

    assert [choose(60), choose(20), choose(1)] == ["bob", "ann", "ann"]


def test_speed_is_compared_on_the_same_work():
    class Work:
        name = "render"

    class Call:
        kind = Work()

    book = Book()
    for provider, seconds in ((ANN, 1.0), (BOB, 2.0), ("0xc", 4.0)):
        for _ in range(3):
            book.note(Call(), Outcome(1, None, seconds, provider, provider))
    assert [round(each.speed, 2) for each in book.seen().values()] == [2.0, 1.0, 0.5]
