"""The encodings of the bus WebSocket, by the name of its sub-protocol."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import msgspec

from golemnet.daemon.gsb import flexbuffers
from golemnet.rest.gsb import FLEXBUFFERS, MSGPACK


class Codec(NamedTuple):
    """Values to bytes and back; ``decode`` raises ValueError."""

    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any]


def _from_msgpack(data: bytes) -> Any:
    try:
        return msgspec.msgpack.decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(str(error)) from error


CODECS: Final = {
    FLEXBUFFERS: Codec(flexbuffers.encode, flexbuffers.decode),
    MSGPACK: Codec(msgspec.msgpack.encode, _from_msgpack),
}
