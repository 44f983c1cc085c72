"""The life of a task: every move is in the table or makes no sense, and its end is told once."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from golemnet.requestor.tasks import TRANSITIONS, Move, Task, TaskStatus

ENDS = {TaskStatus.ACCEPTED, TaskStatus.REJECTED}


def begun(data="frame 1"):
    verdicts = []
    task = Task(data)
    task.begin("ann", lambda *verdict: verdicts.append(verdict))
    return task, verdicts


def test_nothing_leads_out_of_an_end_and_whatever_has_not_ended_can_be_given_up():
    assert not {state for state, _ in TRANSITIONS} & ENDS
    for state in set(TaskStatus) - ENDS:
        assert TRANSITIONS[state, Move.GIVE_UP] is TaskStatus.REJECTED


@given(st.lists(st.sampled_from(Move)))
def test_no_sequence_of_moves_reaches_a_state_but_by_the_table(moves):
    task = Task(None)
    for move in moves:
        before = task.status
        if (before, move) in TRANSITIONS:
            task.move(move)
            assert task.status is TRANSITIONS[before, move]
        else:
            with pytest.raises(KeyError):
                task.move(move)
            assert task.status is before


def test_an_accepted_task_has_its_result_and_says_so_once():
    task, verdicts = begun()
    task.accept_task(result=0)
    task.accept_task(result=1)
    task.reject_task("too late")

    assert (task.status, task.result, task.output) == (TaskStatus.ACCEPTED, 0, 0)
    assert verdicts == [(task, True, "")]


@pytest.mark.parametrize(("retry", "status"), [(True, TaskStatus.RUNNING), (False, TaskStatus.REJECTED)])
def test_a_rejected_task_is_up_to_the_queue_unless_it_shall_not_be_tried_again(retry, status):
    task, verdicts = begun()
    task.reject_task("too dark", retry=retry)

    assert (task.status, task.result) == (status, None)
    assert verdicts == [(task, False, "too dark")]


def test_a_rejection_without_a_reason_says_that_it_is_one():
    task, verdicts = begun()
    task.reject_task()
    assert verdicts == [(task, False, "The result was rejected.")]


def test_a_task_that_nobody_works_on_is_not_judged():
    task = Task(1)
    task.accept_task(2)
    task.reject_task(retry=False)
    assert (task.status, task.result) == (TaskStatus.WAITING, None)


def test_a_timeout_counts_from_now():
    end = datetime(2030, 1, 1, tzinfo=UTC)
    assert Task(1).expires is None
    assert Task(1, expires=end).expires == end
    before = datetime.now(UTC)
    expires = Task(1, timeout=timedelta(minutes=1)).expires
    assert before <= expires - timedelta(minutes=1) <= datetime.now(UTC)


def test_a_task_tells_what_it_is():
    task, _ = begun()
    assert repr(Task(7)) == "<task 7: waiting>"
    assert repr(task) == "<task 'frame 1': running by ann>"
    task.accept_task("cubes.png")
    assert repr(task) == "<task 'frame 1': accepted by ann, result='cubes.png'>"
