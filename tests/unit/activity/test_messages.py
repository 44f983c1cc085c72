"""Events survive any cutting of their stream; what is too long or no event is refused."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from golemnet.daemon.activity.messages import StreamDecoder, StreamedEvent, encode_event

NOW = datetime(2026, 1, 1, tzinfo=UTC)
events = st.lists(
    st.builds(
        StreamedEvent,
        index=st.integers(0, 1000),
        at=st.just(NOW),
        kind=st.dictionaries(st.sampled_from(["stdout", "stderr"]), st.text(max_size=50), max_size=1),
    ),
    max_size=8,
)


@given(events, st.integers(1, 20))
def test_any_cutting_gives_the_same_events(sent: list[StreamedEvent], size: int):
    data = b"".join(encode_event(event) for event in sent)
    decoder = StreamDecoder()
    received: list[StreamedEvent] = []
    for start in range(0, len(data), size):
        received += decoder.receive(data[start : start + size])
    assert received == sent


def test_an_event_that_claims_to_be_huge_is_refused():
    with pytest.raises(ValueError, match="too long"):
        StreamDecoder().receive(b"\xff\xff\xff\xff")


@given(st.binary(max_size=100))
def test_noise_raises_what_is_documented(noise: bytes):
    try:
        StreamDecoder().receive(noise)
    except (ValueError, msgspec.DecodeError):
        pass
