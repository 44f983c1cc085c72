"""The life of an instance of a service: handlers, signals, failures."""

import asyncio
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest

from golemnet.requestor.errors import ProviderLost
from golemnet.requestor.published import service_runner
from golemnet.requestor.published.service import ControlSignal
from golemnet.requestor.published.service_runner import ServiceRun, turn_instance
from golemnet.requestor.published.service_state import TURNS, Turn, turned
from yapapi.events import ServiceFinished, ServiceStateChanged
from yapapi.services import Service, ServiceState

SOON_S = 5.0


class Post:
    """Where an instance lives; scripts come to what ``fate`` says."""

    def __init__(self, fate=lambda script: None):
        self.events, self.scripts, self.error = [], [], None
        self.session = SimpleNamespace(is_kept=False)
        self.agreement = SimpleNamespace(provider_id="0xann")
        self.executor = SimpleNamespace(close=lambda: None)
        self.context = SimpleNamespace(emit=self._emit, provider_id="0xann", provider_name="ann")
        self._fate = fate

    def begin(self):
        return

    def end(self, error=None):
        self.error = error

    async def submit(self, script):
        self.scripts.append(script)
        error = self._fate(script)
        if error is not None:
            raise error
        return asyncio.get_running_loop().create_future()

    def _emit(self, event_class, **kwargs):
        self.events.append(SimpleNamespace(kind=event_class, **kwargs))

    @property
    def states(self):
        return [each.new.value for each in self.events if each.kind is ServiceStateChanged]


class Plain(Service):
    """Each handler yields its own name."""

    async def start(self):
        yield "start"

    async def run(self):
        yield "run"

    async def shutdown(self):
        yield "shutdown"


class Lasting(Plain):
    """Runs until it is told to stop."""

    async def run(self):
        yield "run"
        await asyncio.Event().wait()


@asynccontextmanager
async def living(service, post):
    run = asyncio.create_task(ServiceRun(service, post).run())
    try:
        async with asyncio.timeout(SOON_S):
            yield run
    finally:
        run.cancel()
        await asyncio.gather(run, return_exceptions=True)


async def reached(service, state):
    async with asyncio.timeout(SOON_S):
        while service.state is not state:  # noqa: ASYNC110
            await asyncio.sleep(0)


async def test_handlers_run_one_after_the_other():
    service, post = Plain(), Post()
    await ServiceRun(service, post).run()
    assert post.scripts == ["start", "run", "shutdown"]
    assert post.states == ["starting", "running", "stopping", "terminated"]
    assert post.events[-1].kind is ServiceFinished
    assert not service.restart_condition


async def test_one_that_is_stopped_is_shut_down():
    service, post = Lasting(), Post()
    async with living(service, post) as run:
        await reached(service, ServiceState.running)
        service.service_instance.control_queue.put_nowait(ControlSignal.stop)
        await run
    assert post.scripts == ["start", "run", "shutdown"]
    assert post.error is None


async def test_one_that_is_suspended_is_left_alone():
    service, post = Lasting(), Post()
    async with living(service, post) as run:
        await reached(service, ServiceState.running)
        service.service_instance.control_queue.put_nowait(ControlSignal.suspend)
        await run
    assert post.session.is_kept
    assert service.state is ServiceState.suspended
    assert "shutdown" not in post.scripts


async def test_a_failure_at_the_start_has_it_started_again():
    service, post = Plain(), Post(lambda script: ValueError("no"))
    await ServiceRun(service, post).run()
    assert post.states == ["starting", "terminated"]
    assert service.restart_condition
    assert isinstance(post.error, ValueError)
    turn_instance(service, Turn.RESTART)
    assert service.state is ServiceState.pending


async def test_a_failure_later_shuts_it_down_for_good():
    service, post = Plain(), Post(lambda script: ValueError("no") if script == "run" else None)
    await ServiceRun(service, post).run()
    assert post.scripts == ["start", "run", "shutdown"]
    assert isinstance(service.exc_info[1], ValueError)
    assert not service.restart_condition


async def test_one_whose_provider_is_lost_is_not_shut_down():
    service, post = Plain(), Post(lambda script: ProviderLost("gone") if script == "run" else None)
    with pytest.raises(ProviderLost):
        await ServiceRun(service, post).run()
    assert post.scripts == ["start", "run"]
    assert service.state is ServiceState.terminated


async def test_one_that_does_not_answer_is_ended(monkeypatch):
    monkeypatch.setattr(service_runner, "DEFAULT_HEALTH_CHECK_INTERVAL", 0.001)

    class Dumb(Lasting):
        async def is_activity_responsive(self):
            return self.state is not ServiceState.running

    service, post = Dumb(), Post()
    async with asyncio.timeout(SOON_S):
        await ServiceRun(service, post).run()
    assert "has not answered" in str(service.exc_info[1])
    assert post.scripts == ["start", "run", "shutdown"]


async def test_a_cancelled_one_tells_its_end():
    service, post = Lasting(), Post()
    async with living(service, post) as run:
        await reached(service, ServiceState.running)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
    assert service.state is ServiceState.terminated
    assert post.events[-1].kind is ServiceFinished


def test_nothing_leads_out_of_the_end_but_a_restart():
    assert [turn for state, turn in TURNS if state is ServiceState.terminated] == [Turn.RESTART]
    assert turned(ServiceState.terminated, Turn.STOP) is ServiceState.terminated


async def test_messages_go_both_ways():
    service = Plain()
    await service.send_message("question")
    signal = await service._listen()
    await service._respond("answer", signal)
    answer = await service.receive_message()
    assert (signal.message, answer.message, answer.response_to) == ("question", "answer", signal)
    assert service.receive_message_nowait() is None
