"""A run in words: every event has its line, and a person can read it."""

import logging
from decimal import Decimal

import msgspec
import pytest

from golemnet.requestor import events
from golemnet.requestor.buyer import timed_out
from golemnet.requestor.summary import describe, printer
from yapapi import get_version
from yapapi.log import enable_default_logger, log_event, log_summary

LINES = [
    (
        events.RunStarted(demand_id="d", budget=Decimal("10.00"), platform="erc20-local-tglm"),
        ("market", "demand published, budget 10 GLM on erc20-local-tglm"),
    ),
    (
        events.NothingMatched(demand_id="d", offers_seen=7, reasons=["threads>=4 refused 7", "and so on"]),
        ("market", "no offer suits, of 7 seen; threads>=4 refused 7; and so on"),
    ),
    (
        events.ProviderRefused(provider_id="0x0123456789abcdef", reason="No capacity."),
        ("0x01234567", "refuses: No capacity."),
    ),
    (
        events.AgreementSigned(agreement_id="a", provider_id="0x1", provider_name="ann"),
        ("ann", "agreement signed"),
    ),
    (
        events.AgreementFailed(provider_id="0x1", provider_name="ann", reason="too late"),
        ("ann", "no agreement: too late"),
    ),
    (events.ActivityStarted(activity_id="x", provider_name="ann"), ("ann", "sets up a container")),
    (events.TaskStarted(data="7", provider_name="ann"), ("ann", "begins task 7")),
    (
        events.TaskAccepted(data="7", provider_name="ann", seconds=1.25),
        ("ann", "task 7 is done in 1.2 s"),
    ),
    (
        events.TaskRetried(data="7", provider_name="ann", problem="no disk"),
        ("ann", "task 7 failed: no disk"),
    ),
    (events.ProviderGone(provider_name="ann", problem="silence"), ("ann", "lost: silence")),
    (events.WorkerSaid(provider_name="ann", text="hello"), ("ann", "hello")),
    (
        events.InvoiceAccepted(agreement_id="a", provider_name="ann", amount=Decimal("1E-18")),
        ("ann", "invoice of 0.000000000000000001 GLM accepted"),
    ),
    (
        events.ClaimRejected(agreement_id="a", amount=Decimal(2), reason="The budget has 1 GLM left."),
        ("payment", "claim of 2 GLM rejected: The budget has 1 GLM left."),
    ),
    (
        events.RunEnded(seconds=12.34, accepted=6, spent=Decimal("0.50"), unpaid=["bob", "eve"]),
        ("run", "6 tasks in 12.3 s for 0.5 GLM; no invoice yet from bob, eve"),
    ),
    (
        events.RunEnded(seconds=1, accepted=0, spent=Decimal(0), unpaid=[]),
        ("run", "0 tasks in 1.0 s for 0 GLM"),
    ),
]


@pytest.mark.parametrize(("event", "said"), LINES)
def test_an_event_in_words(event, said):
    _, *words = describe(event)
    assert tuple(words) == said


@pytest.mark.parametrize("kind", events.Event.__subclasses__())
def test_every_event_has_words(kind):
    samples = {str: "x", int: 1, float: 1.0, Decimal: Decimal(1), list[str]: ["x"]}
    values = {field.name: samples[field.type] for field in msgspec.structs.fields(kind)}
    assert describe(kind(**values)) is not None


def test_a_line_has_the_time_who_and_what():
    lines = []
    printer(lines.append, colour=False)(events.WorkerSaid(provider_name="ann", text="hello"))
    [line] = lines
    assert line[8:] == "  ann            hello"
    assert (line[2], line[5]) == (":", ":")


def test_colours_are_for_terminals():
    lines = []
    consume = printer(lines.append, colour=True)
    consume(events.ProviderGone(provider_name="ann", problem="silence"))
    consume(events.WorkerSaid(provider_name="ann", text="hello"))
    assert lines[0].startswith("\033[31m")
    assert lines[0].endswith("\033[0m")
    assert "\033" not in lines[1]


@pytest.fixture
def sdk_log():
    log = logging.getLogger("golemnet.requestor")
    handlers, level = list(log.handlers), log.level
    yield log
    log.handlers[:] = handlers
    log.setLevel(level)


def test_the_log_of_a_script_goes_to_its_file(sdk_log, tmp_path):
    path, heard = tmp_path / "run.log", []
    enable_default_logger(log_file=str(path))
    event = events.WorkerSaid(provider_name="ann", text="hello")
    log_summary(heard.append)(event)
    log_summary()(event)
    log_event(event)

    text = path.read_text()
    assert text.count("ann            hello") == 2
    assert "WorkerSaid(provider_name='ann', text='hello')" in text
    assert heard == [event]


def test_the_package_knows_its_version():
    assert get_version()[0].isdigit()


REFUSED = "providers refuse: The work would end."


@pytest.mark.parametrize(
    ("nobody", "why", "hint"),
    [
        (None, "1 task done.", "longer timeout, or more workers"),
        (
            events.NothingMatched(demand_id="d", offers_seen=2, offers_matched=2, reasons=[REFUSED]),
            "nobody is to be had, of 2 seen; providers refuse: The work would end.",
            "longer timeout, or a higher price",
        ),
        (
            events.NothingMatched(demand_id="d", offers_seen=2, reasons=["mem>=64 refused 2"]),
            "no offer suits, of 2 seen; mem>=64 refused 2.",
            "Demand what is on the market",
        ),
    ],
)
def test_a_run_that_takes_too_long_says_why_and_what_helps(nobody, why, hint):
    error = timed_out(3.0, 1, nobody)
    assert (error.what, error.why) == ("The run did not end within 3 s.", why)
    assert hint in error.next_step
