"""What can go wrong between two nodes.

NetError
├── Unreachable         no session with the node, or it broke
│   └── StreamBroken    a stream ended before its sender finished it
├── CallTimeout         the node is there and did not answer in time
├── RemoteError         the node answered with an error
└── CannotListen        our own endpoint could not be opened
"""

from __future__ import annotations

from golemnet.errors import GolemError

INTERNAL = "internal"
UNKNOWN_METHOD = "unknown-method"
BUSY = "busy"
TOO_LARGE = "too-large"
MALFORMED = "malformed"

MAX_CODE = 64
MAX_MESSAGE = 2000


class NetError(GolemError):
    """A message did not get through, or its answer did not come back."""


class Unreachable(NetError):
    """There is no way to the node now. Whether the last call was carried out is not known."""


class StreamBroken(Unreachable):
    """A stream ended before its sender finished it."""


class CallTimeout(NetError):
    """No answer within the time that the caller gave. Whether it was carried out is not known."""


class CannotListen(NetError):
    """The node's own endpoint could not be opened."""


class RemoteError(NetError):
    """The other node refused, or failed.

    A handler raises it to answer an error; anything else that a handler raises reaches the caller as
    code ``internal`` without its text.

    Args:
        code: a short word that programs compare, as ``not-found``.
        message: a sentence for people.
    """

    def __init__(self, code: str, message: str) -> None:
        self.code = code[:MAX_CODE]
        self.message = message[:MAX_MESSAGE]
        super().__init__(self.message)
