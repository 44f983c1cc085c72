"""Durations and times, read and shown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from golemnet.cli.moments import parse_duration, parse_moment, show_moment
from golemnet.errors import GolemError

NOW = datetime(2027, 1, 31, 12, tzinfo=UTC)


def test_durations():
    assert parse_duration("30min") == parse_duration("30m") == timedelta(minutes=30)
    assert parse_duration("1d") == timedelta(days=1)
    with pytest.raises(GolemError):
        parse_duration("1 month")


@pytest.mark.parametrize(
    "text", ["2027-01-31T12:00", "2027-01-31T12:00Z", "2027-01-31T13:00+01:00", "1801396800"]
)
def test_times(text: str):
    assert parse_moment(text) == NOW


@pytest.mark.parametrize("text", ["soon", "9" * 30, "2027-02-31", "-5", ""])
def test_what_is_no_time(text: str):
    with pytest.raises(GolemError, match="is no time"):
        parse_moment(text)


def test_how_far_it_is():
    assert show_moment(NOW + timedelta(days=7), NOW) == "2027-02-07 12:00 UTC (in 7 d)"
    assert show_moment(NOW - timedelta(minutes=90), NOW) == "2027-01-31 10:30 UTC (2 h ago)"
    assert show_moment(NOW, NOW) == "2027-01-31 12:00 UTC (0 s ago)"
