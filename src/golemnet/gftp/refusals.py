"""Why the daemon does not do what a program asks of it with its files, in words for a person."""

from __future__ import annotations

import os

import msgspec

from golemnet.errors import GolemError
from golemnet.model.local_shell import KEY_HINT, start_hint

UNAUTHORIZED = 401
MAX_BODY_BYTES = 2000
FILES_HINT = "Start it by `yagna service run`; check GSB_URL, or YAGNA_API_URL and YAGNA_APPKEY."


class DaemonNotReached(GolemError):
    """No daemon answers, or it does not accept this program."""


class _Body(msgspec.Struct):
    message: str


def not_reached(error: Exception | None) -> DaemonNotReached:
    """Nobody has answered, because of ``error`` if that is known."""
    return DaemonNotReached(
        "The node's daemon cannot be reached.",
        why=str(error or "It did not answer in time."),
        next_step=start_hint(os.environ, FILES_HINT),
    )


def key_refused() -> DaemonNotReached:
    """The daemon has answered that it does not know the key."""
    return DaemonNotReached("The daemon does not accept the application key.", next_step=KEY_HINT)


def said(status: int, body: bytes) -> str:
    """What an answer of ``status`` says."""
    try:
        return msgspec.json.decode(body, type=_Body).message
    except msgspec.MsgspecError:
        return body.decode("utf-8", "replace") or f"HTTP {status}"
