import itertools

import pytest

from golemnet.exeunit.errors import IllegalCommand
from golemnet.exeunit.states import STEPS, State, after

COMMANDS = ("deploy", "start", "run", "transfer", "sign", "terminate")


def test_the_usual_script_leads_to_ready_and_ends():
    state = State.INITIALIZED
    for command in ("deploy", "transfer", "start", "run", "transfer", "run", "terminate"):
        state = after(state, command)
    assert state is State.TERMINATED


@pytest.mark.parametrize(("state", "command"), list(itertools.product(State, COMMANDS)))
def test_every_pair_is_in_the_table_or_says_what_is_expected(state, command):
    if (state, command) in STEPS:
        assert after(state, command) is STEPS[state, command]
    else:
        with pytest.raises(IllegalCommand) as refused:
            after(state, command)
        assert "expected" in str(refused.value)


def test_nothing_leaves_the_end():
    assert not [pair for pair in STEPS if pair[0] is State.TERMINATED]
