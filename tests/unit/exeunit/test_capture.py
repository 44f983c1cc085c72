from hypothesis import given
from hypothesis import strategies as st

from golemnet.exeunit.capture import CapturePlan, OutputBuffer, StreamDecoder, present

CHUNKS = st.lists(st.binary(max_size=50), max_size=20)
LIMITS = st.integers(0, 200)


def kept(plan, chunks):
    buffer = OutputBuffer(plan)
    for chunk in chunks:
        buffer.feed(chunk)
    return buffer.kept()


@given(CHUNKS, LIMITS)
def test_head_is_the_beginning(chunks, limit):
    assert kept(CapturePlan(part="head", limit=limit), chunks) == b"".join(chunks)[:limit]


@given(CHUNKS, LIMITS)
def test_tail_is_the_end(chunks, limit):
    whole = b"".join(chunks)
    assert kept(CapturePlan(part="tail", limit=limit), chunks) == whole[max(0, len(whole) - limit) :]


@given(CHUNKS, LIMITS)
def test_head_and_tail_never_exceed_the_limit_and_are_whole_when_they_fit(chunks, limit):
    whole, found = b"".join(chunks), kept(CapturePlan(part="headTail", limit=limit), chunks)
    assert len(found) <= limit
    if len(whole) <= limit:
        assert found == whole
    else:
        assert found == whole[: limit // 2] + whole[len(whole) - (limit - limit // 2) :]


@given(st.text(max_size=100), st.integers(1, 7))
def test_streamed_text_is_not_cut_inside_a_character(text, step):
    decoder, data = StreamDecoder(CapturePlan(stream=True)), text.encode()
    parts = [decoder.feed(data[start : start + step]) for start in range(0, len(data), step)]
    assert "".join(parts) + decoder.finish() == text


def test_a_stream_ends_at_its_limit():
    decoder = StreamDecoder(CapturePlan(stream=True, limit=5))
    assert decoder.feed(b"abc") + decoder.feed(b"defg") + decoder.feed(b"h") == "abcde"


def test_how_results_carry_output():
    assert present(b"a\xff", CapturePlan()) == "a\ufffd"
    assert present(b"a\xff", CapturePlan(binary=True)) == [97, 255]
    assert present(b"a", CapturePlan(discard=True)) is None
