"""A service of the bus as a file: what a published client is told when one arrives."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from golemnet.daemon.gsb.bound_service import BoundService, Channel, ServiceFile
from golemnet.daemon.gsb.codecs import CODECS
from golemnet.model.node_id import NodeId
from golemnet.net.errors import RemoteError
from golemnet.rest.gsb import MSGPACK

CONTENT = b"a file of three pieces"


class Client:
    """Answers every call with nothing, and remembers it."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []
        self.service = BoundService(
            NodeId.parse("0x" + "1" * 40), "/public/gftp/x", frozenset({"UploadChunk", "UploadFinished"})
        )

    async def connect(self) -> ServiceFile:
        """The service as a file, with this client behind it."""
        self._channel = Channel(CODECS[MSGPACK], self._take, self._close)
        await self.service.connect(self._channel)
        return ServiceFile(self.service)

    async def _take(self, frame: bytes) -> None:
        call = self._channel.codec.decode(frame)
        self.calls.append((call["component"], call["payload"]))
        self.service.take(self._channel, self._channel.codec.encode({"id": call["id"], "payload": None}))

    async def _close(self, why: str) -> None:
        raise AssertionError(why)


async def test_a_published_client_is_told_the_sha3_of_what_arrived() -> None:
    client = Client()
    file = await client.connect()
    await file.put(0, b"an attempt that was given up")
    await file.put(0, CONTENT[:7])
    await file.put(7, CONTENT[7:14])
    await file.end(14, CONTENT[14:], hashlib.sha256(CONTENT).hexdigest())
    assert client.calls[-1] == ("UploadFinished", {"hash": hashlib.sha3_256(CONTENT).hexdigest()})
    assert b"".join(payload["chunk"]["content"] for _, payload in client.calls[1:-1]) == CONTENT


@pytest.mark.parametrize("content", [CONTENT, b""])
async def test_what_is_not_what_was_sent_is_not_finished(content: bytes) -> None:
    client = Client()
    file = await client.connect()
    with pytest.raises(RemoteError, match="not what was sent"):
        await file.end(0, content, hashlib.sha256(b"other").hexdigest())
    await file.end(0, content, hashlib.sha256(content).hexdigest())
    assert [name for name, _ in client.calls].count("UploadFinished") == 1
