"""A daemon that is away is waited for, longer each time; one that refuses is not asked again."""

import asyncio

import pytest
from provider_doors import NOW

from golemnet.provider.polling import follow, insist, pause_s
from golemnet.rest.errors import Forbidden, GatewayTimeout, InternalError, NotFound
from golemnet.rest.transport import DaemonUnreachable
from golemnet.testing.clock import ManualClock


class Answers:
    """A call that goes through its answers, and notes when it was made."""

    def __init__(self, clock, *answers):
        self.clock, self.answers, self.asked = clock, list(answers), []

    async def __call__(self):
        self.asked.append((self.clock.now() - NOW).total_seconds())
        if not self.answers:
            await asyncio.Event().wait()
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_pauses_double_up_to_a_limit():
    pauses = [pause_s(failures) for failures in range(1, 9)]
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    assert pause_s(10**6) == 5.0


async def test_what_has_to_be_done_is_done_as_soon_as_the_daemon_is_there():
    clock = ManualClock(NOW)
    call = Answers(clock, DaemonUnreachable("away"), DaemonUnreachable("away"), "done")
    asking = asyncio.create_task(insist("thing", clock, call))
    await clock.advance(0)
    await clock.advance(10)
    assert await asking == "done"
    assert call.asked == pytest.approx([0, 0.1, 0.3])


@pytest.mark.parametrize("refusal", [NotFound("no"), InternalError("broken")])
async def test_a_refusal_is_an_answer(refusal):
    call = Answers(ManualClock(NOW), refusal, "never")
    with pytest.raises(type(refusal)):
        await insist("thing", call.clock, call)
    assert call.answers == ["never"]


async def test_events_are_followed_through_failures_in_order_and_once():
    clock, heard = ManualClock(NOW), []
    call = Answers(
        clock,
        ["a", "b"],
        GatewayTimeout("late"),
        InternalError("broken"),
        DaemonUnreachable("away"),
        [],
        ["c"],
        InternalError("broken"),
        ["d"],
    )

    async def act(item):
        heard.append(item)

    following = asyncio.create_task(follow("events", clock, call, act))
    await clock.advance(0)
    await clock.advance(10)
    following.cancel()
    assert heard == ["a", "b", "c", "d"]
    # pauses begin anew after a success
    assert call.asked == pytest.approx([0, 0, 0.1, 0.3, 0.4, 0.4, 0.4, 0.5, 0.5])


async def test_following_ends_where_asking_again_cannot_help():
    async def act(item):
        raise AssertionError("there is nothing to act on")

    call = Answers(ManualClock(NOW), Forbidden("not yours"), ["never"])
    with pytest.raises(Forbidden):
        await follow("events", call.clock, call, act)
