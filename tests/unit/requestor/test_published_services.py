"""The life of an instance of a service: handlers, signals, failures."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from golemnet.requestor.errors import ProviderLost
from golemnet.requestor.published import cluster as cluster_module
from golemnet.requestor.published import service_runner
from golemnet.requestor.published.cluster import Cluster
from golemnet.requestor.published.service import ControlSignal
from golemnet.requestor.published.service_runner import ServiceRun, turn_instance
from golemnet.requestor.published.service_state import TURNS, Turn, turned
from yapapi.events import ServiceFinished, ServiceStateChanged
from yapapi.services import Service, ServiceState

SOON_S = 20.0


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


class Engine:
    """Buys nothing: a cluster's way of working is called by the test."""

    def __init__(self):
        self.buyer, self.config = self, SimpleNamespace(app_key="key")
        self.drive, self.queue, self.slots = None, None, 0

    def begin(self, market, drive, queue, max_workers, emit):
        self.drive, self.queue = drive, queue
        queue.here = lambda tried: True  # as with other instances at work
        return self

    def widen(self, count):
        self.slots += count

    async def next_done(self, run, look_s):
        await asyncio.Event().wait()

    async def stop(self, run=None):
        return

    async def retire(self, market):
        return


def clustered(service_class):
    job = SimpleNamespace(
        id="1",
        expiration_time=datetime.now(UTC) + timedelta(hours=1),
        payload=None,
        hear=None,
        finish=lambda error=None: None,
    )
    engine = Engine()
    return Cluster(engine, job, None, service_class), engine


@pytest.fixture
def posts(monkeypatch):
    """What became of each activity that a cluster has used."""
    made = []

    def post(job, session, streams):
        made.append(Post(session.fate))
        return made[-1]

    monkeypatch.setattr(cluster_module, "Post", post)
    return made


def session(fate=lambda script: None):
    candidate = SimpleNamespace(provider_id="0xann", provider_name="ann")
    return SimpleNamespace(deal=SimpleNamespace(candidate=candidate), fate=fate)


async def test_instances_have_parameters_of_their_own():
    class Named(Plain):
        def __init__(self, name="nobody"):
            super().__init__()
            self.name = name

    cluster, engine = clustered(Named)
    cluster.spawn_instances(instance_params=[{"name": "one"}, {"name": "two"}])
    cluster.spawn_instances()
    assert [each.name for each in cluster.instances] == ["one", "two", "nobody"]
    assert engine.slots == 3
    with pytest.raises(ValueError, match="only 1"):
        cluster.spawn_instances(2, [{}])
    await cluster.terminate()


async def test_an_instance_that_fails_at_its_start_is_started_again_later(posts, monkeypatch):
    monkeypatch.setattr(cluster_module, "RESTART_S", 0.01)
    cluster, engine = clustered(Plain)
    cluster.spawn_instances()
    async with asyncio.timeout(SOON_S):
        await engine.drive(session(lambda script: ValueError("no")), engine.queue, None, None)
        [service] = cluster.instances
        assert (service.state, engine.queue.waiting) == (ServiceState.pending, 0)
        await engine.drive(session(), engine.queue, None, None)
    assert [post.scripts for post in posts] == [["start"], ["start", "run", "shutdown"]]
    assert service.state is ServiceState.terminated
    await cluster.terminate()


async def test_an_instance_that_waits_for_its_next_start_can_be_stopped(posts, monkeypatch):
    monkeypatch.setattr(cluster_module, "RESTART_S", 1000.0)
    cluster, engine = clustered(Plain)
    cluster.spawn_instances()
    async with asyncio.timeout(SOON_S):
        await engine.drive(session(lambda script: ValueError("no")), engine.queue, None, None)
        cluster.stop()
        await engine.queue.wait_done()
    assert cluster.instances[0].state is ServiceState.terminated
    await cluster.terminate()


async def test_a_cluster_that_is_stopped_begins_nothing_more(posts):
    cluster, engine = clustered(Lasting)
    cluster.spawn_instances(2)
    living_one = asyncio.create_task(engine.drive(session(), engine.queue, None, None))
    await reached(cluster.instances[0], ServiceState.running)
    cluster.stop()
    async with asyncio.timeout(SOON_S):
        await living_one
        await engine.queue.wait_done()
    assert [each.state for each in cluster.instances] == [ServiceState.terminated] * 2
    assert [post.scripts for post in posts] == [["start", "run", "shutdown"]]
    await cluster.terminate()


async def test_one_of_the_instances_is_stopped_while_it_waits_for_its_next_start(posts, monkeypatch):
    """It is not started by the timer that was set before."""
    monkeypatch.setattr(cluster_module, "RESTART_S", 1000.0)
    cluster, engine = clustered(Plain)
    cluster.spawn_instances()
    async with asyncio.timeout(SOON_S):
        await engine.drive(session(lambda script: ValueError("no")), engine.queue, None, None)
        cluster.stop_instance(cluster.instances[0])
    assert not cluster._restarts
    assert engine.queue.is_idle
    await cluster.terminate()
