"""The report of a run: it needs nothing else, says what has happened, and runs nothing of strangers."""

import asyncio
from decimal import Decimal
from html.parser import HTMLParser

import pytest

from golemnet.errors import GolemError
from golemnet.requestor.events import ProviderGone, TaskAccepted, TaskRetried
from golemnet.sdk import timeline
from golemnet.sdk.costs import CostReport, ProviderLine, TaskLine
from golemnet.sdk.report_page import page
from golemnet.sdk.timeline import Timeline

EVIL = '<script>alert("x")</script><img src=//evil>'
NO_COSTS = CostReport(Decimal(0), [], [])


class Reader(HTMLParser):
    """What a browser would see: the tags, what is fetched from elsewhere, and the text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.fetched, self.text, self.open = [], [], "", []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.fetched += [value for name, value in attrs if name in ("src", "href", "data", "action")]
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, "tags are nested"

    def handle_data(self, data):
        self.text += data


def square(x):
    return x * x


def failing(x):
    raise ValueError("no")


async def test_a_run_and_its_page(shop):
    place = shop.folder / "run.html"
    async with shop.golem(workers=2, report=place) as golem:
        async with asyncio.timeout(30):
            assert [each async for each in golem.map(square, range(20))][19] == 361
            [error] = [each async for each in golem.map(failing, [1], return_exceptions=True)]
    assert str(error) == "no"
    found = Reader(place.read_text())
    assert "21 tasks at " in found.text
    assert "square" in found.text
    assert "agreement signed" in found.text
    assert found.tags.count("rect") >= 2
    assert (found.fetched, "script" in found.tags) == ([], False)


def test_names_of_strangers_stay_text():
    heard = Timeline()
    heard.hear(TaskAccepted(data=EVIL, provider_name=EVIL, seconds=0.0))
    heard.hear(TaskRetried(data=EVIL, provider_name=EVIL, problem=EVIL, seconds=0.1))
    heard.hear(ProviderGone(provider_name=EVIL, problem=EVIL))
    costs = CostReport(Decimal(1), [ProviderLine(EVIL, EVIL, 1)], [TaskLine(EVIL, 1)])
    found = Reader(page(heard, costs, Decimal(2)))
    assert not {"script", "img"} & set(found.tags)
    assert found.fetched == []
    assert EVIL in found.text
    assert found.tags.count("rect") == 2


def test_many_tasks_are_few_bars(monkeypatch):
    monkeypatch.setattr(timeline, "MAX_SPANS", 3)
    heard = Timeline()
    for number in range(1000):
        heard.hear(TaskAccepted(data="square(1)", provider_name="ann", seconds=heard.seconds))
        if number % 100 == 0:
            heard.hear(TaskRetried(data="x", provider_name=f"p{number}", problem="lost", seconds=0.0))
    assert len(heard.spans) == 3
    assert heard.spans[0].count > 100
    assert heard.left_out >= 7
    assert f"{heard.left_out} more are not drawn" in page(heard, NO_COSTS, Decimal(1))


async def test_a_place_that_is_not_there_is_told_before_anything_is_bought(shop):
    with pytest.raises(GolemError, match="no folder"):
        async with shop.golem(report=shop.folder / "nowhere" / "run.html"):
            pass
