"""Event logs are bounded, end with their batch, and can be made from results."""

from __future__ import annotations

from datetime import UTC, datetime

from golemnet.daemon.activity import event_log
from golemnet.daemon.activity.event_log import EventLog, EventLogs, made_from
from golemnet.daemon.activity.messages import StreamedEvent
from golemnet.rest.activity import ExeScriptCommandResult

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def result(index: int, *, last: bool = False, **more: object) -> ExeScriptCommandResult:
    return ExeScriptCommandResult(
        index=index, event_date=NOW, result=str(more.pop("result", "Ok")), is_batch_finished=last, **more
    )


def stdout(text: str, index: int = 0) -> StreamedEvent:
    return StreamedEvent(index, NOW, {"stdout": text})


def test_a_result_ends_its_command_once():
    logs = EventLogs()
    logs.open(("a", "b")).add(StreamedEvent(0, NOW, {"finished": {"return_code": 3, "message": None}}))
    logs.add_result(("a", "b"), result(0, result="Error"))
    logs.add_result(("a", "b"), result(1, last=True))
    log = logs.open(("a", "b"))
    assert [event.kind["finished"]["return_code"] for event in log.events] == [3, 0]
    assert log.ended


def test_a_log_that_has_ended_takes_nothing():
    logs = EventLogs()
    logs.add_result(("a", "b"), result(0, last=True))
    logs.open(("a", "b")).add(stdout("late"))
    assert len(logs.open(("a", "b")).events) == 1


def test_a_full_log_still_notes_ends():
    log = EventLog()
    for _ in range(3):
        log.add(stdout("x" * (event_log.MAX_BYTES // 2)))
    log.add(StreamedEvent(0, NOW, {"finished": {"return_code": 0, "message": None}}))
    assert [next(iter(event.kind)) for event in log.events] == ["stdout", "stdout", "finished"]


def test_the_number_of_logs_is_bounded():
    logs = EventLogs()
    for number in range(event_log.MAX_LOGS + 1):
        logs.open(("a", str(number)))
    assert logs.get(("a", "0")) is None
    assert logs.get(("a", "1")) is not None


def test_a_log_from_results_tells_output_and_ends():
    log = made_from([result(0, stdout="hi"), result(1, result="Error", message="no", last=True)])
    assert [event.kind for event in log.events] == [
        {"stdout": "hi"},
        {"finished": {"return_code": 0, "message": None}},
        {"finished": {"return_code": 1, "message": "no"}},
    ]
    assert log.ended
