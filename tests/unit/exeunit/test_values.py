"""Locations, usage, progress and the agreement's terms."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from golemnet.exeunit.agreement import GIB, read_terms
from golemnet.exeunit.errors import AgreementUnusable, TransferFailed
from golemnet.exeunit.locations import Checked, Inside, Published, Web, parse_location
from golemnet.exeunit.progress import ProgressReporter, read_interval
from golemnet.exeunit.usage import Meter
from golemnet.runtime.driver import Usage

NODE = "0x" + "ab" * 20


def test_locations_are_read():
    assert parse_location("container:/golem/work/a b") == Inside("/golem/work/a b")
    assert parse_location(f"gftp://{NODE.replace('a', 'A')}/0123") == Published(NODE, "0123")
    assert parse_location("https://example.org/x?y=1") == Web("https://example.org/x?y=1")
    for form in ("hash:sha3:", "hash://sha3:"):
        assert parse_location(f"{form}{'AB' * 28}:http://a/b") == Checked(Web("http://a/b"), "ab" * 28)


@pytest.mark.parametrize(
    "text",
    [
        *("container:golem/work", "container:/golem/../etc/shadow", "container:", "file:///etc/shadow", "x"),
        *(f"hash:sha3:{'a' * 55}:http://a/b", "hash:md5:aa:http://a/b", f"hash:sha3:{'a' * 56}:container:/a"),
        f"hash:sha3:{'a' * 56}:hash:sha3:{'a' * 56}:http://a/b",
        *(
            "gftp://0x12/abc",
            f"gftp://{NODE}/../x",
            f"gftp://{NODE}",
            "http://",
            "container:/a\0b",
            "http:" * 2000,
        ),
    ],
)
def test_other_locations_are_refused(text):
    with pytest.raises(TransferFailed):
        parse_location(text)


@given(st.text(max_size=200) | st.text(max_size=50).map(lambda text: f"http://{text}"))
def test_any_text_is_a_location_or_refused(text):
    try:
        parse_location(text)
    except TransferFailed:
        return


def test_counters_follow_the_vector_and_never_decrease():
    now = [100.0]
    meter = Meter(["golem.usage.duration_sec", "golem.usage.cpu_sec", "unknown"], lambda: now[0])
    meter.update(Usage(cpu_sec=2.0, memory_peak_bytes=GIB))
    now[0] = 107.5
    meter.update(Usage(cpu_sec=0.0, memory_peak_bytes=0))
    assert meter.counters() == [7.5, 2.0, 0.0]


@pytest.mark.parametrize(
    ("text", "seconds"), [("300ms", 0.3), ("1m 30s", 90.0), ("1ms", 0.1), (None, 1.0), ("soon", 1.0)]
)
def test_intervals(text, seconds):
    assert read_interval(text) == pytest.approx(seconds)


def test_progress_is_told_by_step_by_time_and_at_the_end():
    now, told = [0.0], []
    report = ProgressReporter(told.append, 1.0, 50, lambda: now[0])
    report(10, 100)
    report(50, 100)
    now[0] = 2.0
    report(60, 100)
    report(100, 100)
    assert [body["progress"] for body in told] == [[50, 100], [60, 100], [100, 100]]
    assert told[-1]["step"] == [1, 1]


def test_terms_come_from_nested_and_from_flat_properties(tmp_path):
    offer = {
        "golem": {"inf": {"mem": {"gib": 0.5}, "storage": {"gib": 1}}, "com": {"usage": {"vector": ["a"]}}}
    }
    demand = {"golem.srv.comp.task_package": "hash:sha3:x"}
    path = tmp_path / "agreement.json"
    path.write_text(json.dumps({"offer": {"properties": offer}, "demand": {"properties": demand}}))
    terms = read_terms(path)
    assert terms.limits.memory_bytes == GIB // 2
    assert terms.limits.storage_bytes == GIB
    assert terms.usage_vector == ("a",)
    assert terms.task_package == "hash:sha3:x"


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"offer": {"properties": {}}, "demand": {"properties": {}}}']
)
def test_what_is_no_agreement_is_refused(tmp_path, text):
    path = tmp_path / "agreement.json"
    path.write_text(text)
    with pytest.raises(AgreementUnusable):
        read_terms(path)
