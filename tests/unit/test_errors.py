"""What a person reads of an error on one line."""

import pytest

from golemnet.errors import GolemError


@pytest.mark.parametrize(
    ("parts", "line"),
    [
        (("It failed.", "No such file", "Mend it."), "It failed. No such file. Mend it."),
        (("It failed.", "", ""), "It failed."),
        (("It failed", "", "Run `golem doctor`"), "It failed. Run `golem doctor`"),
    ],
)
def test_sentences_stay_sentences(parts, line):
    what, why, next_step = parts
    assert str(GolemError(what, why=why, next_step=next_step)) == line


def test_ids_come_last():
    assert str(GolemError("It failed.", why="Why", demand_id="1")) == "It failed. Why (demand_id=1)"
