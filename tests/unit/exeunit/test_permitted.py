"""Which commands a manifest permits."""

from __future__ import annotations

import json
import time

import pytest

from golemnet.exeunit.errors import CommandFailed
from golemnet.exeunit.permitted import Permitted
from golemnet.model.manifest import Script
from golemnet.model.script import Deploy, Run, Start, Terminate, Transfer

DATE = Run("/bin/date", ["-R"])
FETCH = Transfer("http://a.example/x", "container:/golem/work/x")


def permits(command: Run | Transfer, *commands: str, match: str = "strict") -> bool:
    try:
        Permitted(Script(commands, match)).check(command)
    except CommandFailed:
        return False
    return True


def test_what_is_refused_is_named():
    with pytest.raises(
        CommandFailed, match=r"manifest of the agreement does not permit .* 'run /bin/date -R'"
    ):
        Permitted(Script(())).check(DATE)


def test_without_a_list_everything_is_permitted():
    for command in (DATE, FETCH, Deploy()):
        Permitted(None).check(command)


def test_the_life_of_an_activity_needs_no_entry():
    for command in (Deploy(), Start(), Terminate()):
        Permitted(Script(())).check(command)


@pytest.mark.parametrize(
    ("entry", "match", "command", "permitted"),
    [
        ("run /bin/date -R", "strict", DATE, True),
        ("run /bin/date", "strict", DATE, False),
        ("run /bin/date", "regex", DATE, True),
        ("run .*curl.*", "regex", Run("/bin/sh", ["-c", "curl -X GET x"]), True),
        ("run .*curl.*", "regex", DATE, False),
        (".*", "regex", DATE, False),  # an entry says which command it is for
        ("run .*", "regex", FETCH, False),
        ("transfer .*container:/golem/work/.*", "regex", FETCH, True),
        ("run (", "regex", Run("("), False),
        ("run (?=/bin)", "regex", DATE, False),  # no pattern of the linear kind
        (json.dumps({"run": {"args": ["/bin/date", "-R"]}}), "strict", DATE, True),
        (json.dumps({"run": {"args": "/bin/.*", "match": "regex"}}), "strict", DATE, True),
        (json.dumps({"run": {"args": [1]}}), "regex", DATE, False),
        (json.dumps({"run": {"args": [".*"], "match": 7}}), "regex", DATE, False),
        (json.dumps({"transfer": {"from": "http://a.*", "to": ".*"}}), "regex", FETCH, True),
        (json.dumps({"transfer": {"from": "http://a.*"}}), "regex", FETCH, False),
        (json.dumps([1]), "regex", DATE, False),
    ],
)
def test_entries(entry: str, match: str, command: Run | Transfer, permitted: bool):
    assert permits(command, entry, match=match) is permitted
    assert permits(command, "run nothing", entry, match=match) is permitted


def test_no_pattern_takes_long():
    started = time.monotonic()
    assert not permits(Run("a" * 200_000), "run (a+)+$b", "run (a|a)*c" * 100, match="regex")
    assert time.monotonic() - started < 5
