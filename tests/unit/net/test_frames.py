"""The framing takes any bytes in any pieces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from golemnet.net.frames import (
    LENGTH_BYTES,
    MAX_FRAME_BYTES,
    Answer,
    Call,
    FrameBuffer,
    Open,
    Ping,
    Pong,
    Refused,
    encode,
)

FRAMES = st.one_of(
    st.builds(Call, st.integers(0, 2**60), st.text(), st.binary(), st.floats(0, 1e6)),
    st.builds(Answer, st.integers(0, 2**60), st.binary()),
    st.builds(Refused, st.integers(0, 9), st.text(), st.text()),
    st.builds(Open, st.text(), st.binary()),
    st.just(Ping()),
    st.just(Pong()),
)


@given(st.lists(FRAMES, max_size=5), st.integers(1, 50), st.binary(max_size=3))
def test_frames_come_out_as_they_went_in(frames, piece, rest):
    data = b"".join(encode(frame) for frame in frames)
    buffer = FrameBuffer()
    found = []
    for start in range(0, len(data), piece):
        buffer.feed(data[start : start + piece])
        while (frame := buffer.next()) is not None:
            found.append(frame)
    assert found == frames
    buffer.feed(rest)
    assert buffer.rest() == rest


@given(st.binary(max_size=200))
def test_any_other_bytes_are_refused_or_waited_for(data):
    buffer = FrameBuffer()
    buffer.feed(data)
    try:
        while buffer.next() is not None:
            pass
    except ValueError:
        pass


def test_frames_are_bounded():
    with pytest.raises(ValueError):
        encode(Answer(1, b"x" * MAX_FRAME_BYTES))
    buffer = FrameBuffer()
    buffer.feed((MAX_FRAME_BYTES + 1).to_bytes(LENGTH_BYTES, "big"))
    with pytest.raises(ValueError):
        buffer.next()
