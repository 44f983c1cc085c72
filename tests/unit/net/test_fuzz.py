"""Whatever strangers send is understood or refused: no other error, no hang, no memory by mere claims."""

import asyncio
import random
import tracemalloc
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from net_parts import running_node

from golemnet.clock import SystemClock
from golemnet.model.documents import Signed, sign
from golemnet.model.keys import NodeKey
from golemnet.net import lan
from golemnet.net.bootstrap import BadBootstrapAddress, parse_bootstrap
from golemnet.net.errors import NetError, RemoteError
from golemnet.net.frames import (
    LENGTH_BYTES,
    Accepted,
    Answer,
    Call,
    FrameBuffer,
    Hello,
    Open,
    Ping,
    Pong,
    Records,
    Refused,
    encode,
)
from golemnet.net.handshake import dial
from golemnet.net.home_relay import HomeRelay, answers
from golemnet.net.iroh_binding import BINDING_ERRORS, open_endpoint, place_of
from golemnet.net.memory import MemoryNetwork
from golemnet.net.record_search import Find, Found, RecordSearch
from golemnet.net.records import (
    KIND,
    NodeRecord,
    Place,
    RecordBook,
    check_address,
    check_relay_url,
    make_record,
)
from golemnet.net.traffic import Traffic

NOW = datetime(2030, 1, 1, tzinfo=UTC)
KEY = NodeKey.generate()
GOOD = make_record(KEY, Place(bytes(32), ["127.0.0.1:1"], "http://relay:1"), NOW)
FRAMES = [
    Hello(GOOD, b"i" * 16),
    Call(1, "m", b"b", 1.0),
    Answer(1, b"b"),
    Refused(1, "c", "m"),
    Records([GOOD, GOOD]),
    Ping(),
    Pong(),
    Open("m", b"h"),
    Accepted(),
]
# Any msgpack: the shapes that a decoder of structs has to refuse.
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)
TEXTS = st.text(max_size=80) | st.from_regex(r"\A[0-9a-f]{64}@[\w.:\[\]%-]{1,20}:\d{1,6}\Z")
ADDRESSES = st.text(max_size=40) | st.from_regex(r"\A[\[\]0-9a-f.:%]{1,30}:\d{0,7}\Z")
URLS = st.text(max_size=60) | st.from_regex(r"\Ahttps?://[^/]{0,30}(:\d{0,7})?/?\Z")


def taken(data: bytes) -> None:
    """Feed it to a buffer to the end, or to the first refusal."""
    buffer = FrameBuffer()
    buffer.feed(data)
    try:
        while buffer.next() is not None:
            pass
    except ValueError:
        pass


@given(st.sampled_from(FRAMES), st.data())
def test_frames_with_bytes_changed(frame, data):
    wire = bytearray(encode(frame))
    for _ in range(data.draw(st.integers(1, 4))):
        wire[data.draw(st.integers(0, len(wire) - 1))] = data.draw(st.integers(0, 255))
    taken(bytes(wire))


@given(st.lists(VALUES, max_size=6))
def test_frames_of_any_shape(values):
    body = msgspec.msgpack.encode(values)
    taken(len(body).to_bytes(LENGTH_BYTES, "big") + body)


def test_what_is_only_announced_takes_no_memory():
    # An array of four thousand million, nested a thousand times, in a frame of a few bytes.
    for body in (b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\x91" * 5000, b"\xc6\xff\xff\xff\xff"):
        tracemalloc.start()
        taken(len(body).to_bytes(LENGTH_BYTES, "big") + body)
        taken((4 * 1024 * 1024).to_bytes(LENGTH_BYTES, "big") + body)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 1024 * 1024


@given(st.builds(list, st.lists(VALUES, max_size=7)))
def test_records_of_any_shape(values):
    book = RecordBook()
    signed = sign(KIND, values, KEY)
    assert not book.has(signed)
    with pytest.raises(ValueError):
        book.add(signed, NOW)


@given(st.binary(max_size=100), st.text(max_size=70), st.binary(max_size=70))
def test_documents_of_any_content(body, kind, signature):
    forged = msgspec.structs.replace(GOOD, body=body, kind=kind, signature=signature)
    with pytest.raises(ValueError):
        RecordBook().add(forged, NOW)


@given(st.lists(ADDRESSES, max_size=3), URLS | st.just(""))
def test_records_with_any_places(addresses, relay):
    good = msgspec.msgpack.decode(GOOD.body, type=NodeRecord)
    record = msgspec.structs.replace(good, addresses=addresses, relay=relay)
    try:
        taken_record = RecordBook().add(sign(KIND, record, KEY), NOW)
    except ValueError:
        return
    assert taken_record is not None
    for address in addresses:
        check_address(address)


@given(st.binary(max_size=80) | VALUES.map(msgspec.msgpack.encode))
def test_datagrams_of_the_lan(data):
    for datagram in (data, lan._MAGIC + data):
        read = lan._read(datagram)
        assert read is None or isinstance(read, Signed)


@given(
    st.binary(max_size=80)
    | VALUES.map(msgspec.msgpack.encode)
    | TEXTS.map(lambda text: msgspec.msgpack.encode(Find(text, 1)))
)
def test_questions_for_a_node(body):
    node = MemoryNetwork().node(KEY)
    search = RecordSearch(node, RecordBook(), SystemClock())
    try:
        answer = asyncio.run(search._answer(KEY.node_id, body))
    except RemoteError:
        return
    assert msgspec.msgpack.decode(answer, type=Found) == Found(None)


@given(TEXTS)
@example("0" * 64 + "@\ud800:1")
def test_bootstrap_addresses(text):
    try:
        address = parse_bootstrap(text)
    except BadBootstrapAddress:
        return
    assert parse_bootstrap(str(address)) == address


@settings(deadline=None, max_examples=30)
@given(URLS)
def test_relays_that_are_offered(url):
    home = HomeRelay([url])
    for known in home.known:
        check_relay_url(known)


@pytest.mark.parametrize(
    "url", ["http://a..b:1", "http://" + "x" * 70 + ":1", "http://\u2024:1", "http://[::1]:0"]
)
async def test_hosts_that_no_resolver_takes(url):
    assert not await answers(url)


async def test_an_address_that_no_resolver_takes():
    with pytest.raises(OSError):
        await parse_bootstrap("0" * 64 + "@" + "x" * 70 + ".:1").addresses()


HOSTILE_SESSIONS = 40


async def test_a_node_survives_peers_that_send_nonsense():
    """Each peer proves who it is, and then keeps to nothing: on its first stream, on others, or on both."""
    chance = random.Random(4)
    async with running_node() as (victim, _), running_node() as (honest, _):
        place = place_of(victim._endpoint)
        for _ in range(HOSTILE_SESSIONS):
            await misbehave(place, chance)
        record = victim.records.get(victim.node_id, SystemClock().now())
        session = await honest.session_at(Place(record.endpoint_key, record.addresses))
        assert session.peer == victim.node_id
        assert await honest.call(victim.node_id, "echo", b"still here", timeout_s=5) == b"still here"


async def misbehave(place: Place, chance: random.Random) -> None:
    key = NodeKey.generate()
    endpoint = await open_endpoint(chance.randbytes(32), "127.0.0.1:0")
    own = Hello(make_record(key, place_of(endpoint), SystemClock().now()), chance.randbytes(16))
    try:
        greeted = await dial(endpoint, place, own, SystemClock().now(), Traffic())
        connection = greeted.connection
        for _ in range(chance.randrange(1, 6)):
            stream = greeted.control._stream if chance.random() < 0.5 else (await connection.open_bi()).send()
            await stream.write_all(nonsense(chance))
        async with asyncio.timeout(2):
            await connection.closed() if chance.random() < 0.3 else connection.close(0, b"")
    except (*BINDING_ERRORS, NetError, TimeoutError):
        pass
    finally:
        await endpoint.close()


def nonsense(chance: random.Random) -> bytes:
    """Random bytes, a frame out of place, or a frame with one byte changed."""
    if chance.random() < 0.3:
        return chance.randbytes(chance.randrange(1, 200))
    wire = bytearray(encode(chance.choice(FRAMES)))
    if chance.random() < 0.5:
        wire[chance.randrange(LENGTH_BYTES, len(wire))] = chance.randrange(256)
    return bytes(wire)
