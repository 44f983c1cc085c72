"""How long each has to wait, by a clock of the test's."""

from __future__ import annotations

import pytest

from golemnet.exeunit.pace import Pace


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_some_at_once_then_one_after_the_other() -> None:
    clock = Clock()
    pace = Pace(3, 10.0, clock)
    assert [pace.take() for _ in range(5)] == pytest.approx([0, 0, 0, 0.1, 0.2])
    clock.now += 0.2
    assert pace.take() == pytest.approx(0.1)


def test_rest_is_not_saved_without_end() -> None:
    clock = Clock()
    pace = Pace(2, 10.0, clock)
    clock.now += 1000
    assert [pace.take() for _ in range(3)] == pytest.approx([0, 0, 0.1])
