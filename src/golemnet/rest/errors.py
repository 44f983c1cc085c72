"""REST errors, both ways: the exception a client sees, and the table from exceptions to statuses.

    ApiError
    ├── BadRequest 400      ├── NotFound 404          ├── Gone 410
    ├── Unauthorized 401    ├── RequestTimeout 408    ├── InternalError 500
    ├── Forbidden 403       ├── Conflict 409          └── GatewayTimeout 504

Services raise these as well: their meaning is the same on both sides of the wire.
"""

from __future__ import annotations

import msgspec

from golemnet.errors import GolemError
from golemnet.model.local_shell import KEY_HINT
from golemnet.rest.wire import ErrorMessage, encode


class ApiError(GolemError):
    """An answer of the daemon that is not a success; ``status`` is its HTTP status."""

    status = 500

    def __init__(self, what: str, *, status: int | None = None, **more: str) -> None:
        if status is not None:
            self.status = status
        super().__init__(what, **more)


class BadRequest(ApiError):
    """The request makes no sense; nothing was done."""

    status = 400


class Unauthorized(ApiError):
    """The application key is missing or unknown."""

    status = 401


class Forbidden(ApiError):
    """The key's identity has no part in the document."""

    status = 403


class NotFound(ApiError):
    """No such document here."""

    status = 404


class RequestTimeout(ApiError):
    """What was waited for did not happen in time."""

    status = 408


class Conflict(ApiError):
    """It was done already, or something else stands in its place."""

    status = 409


class Gone(ApiError):
    """The document has reached an end from which this is not possible."""

    status = 410


class InternalError(ApiError):
    """The daemon failed; its log says more."""

    status = 500


class GatewayTimeout(ApiError):
    """The other node did not answer in time."""

    status = 504


_BY_STATUS: dict[int, type[ApiError]] = {
    kind.status: kind
    for kind in (
        BadRequest,
        Unauthorized,
        Forbidden,
        NotFound,
        RequestTimeout,
        Conflict,
        Gone,
        GatewayTimeout,
    )
}


def from_status(status: int, message: str) -> ApiError:
    """The exception for an answer of ``status`` with ``message``."""
    if status == Unauthorized.status:
        return Unauthorized(
            "The daemon does not accept the application key.",
            why=f"{message or 'It says no more'}.",
            next_step=KEY_HINT,
        )
    kind = _BY_STATUS.get(status, ApiError)
    return kind(message or f"The daemon answered HTTP {status}.", status=status)


def status_of(error: BaseException) -> int:
    """The HTTP status that a daemon answers ``error`` with; what nobody foresaw is a 500."""
    if isinstance(error, ApiError):
        return error.status
    if isinstance(error, (msgspec.DecodeError, ValueError)):
        return BadRequest.status
    if isinstance(error, TimeoutError):
        return RequestTimeout.status
    if isinstance(error, GolemError):
        return BadRequest.status
    return InternalError.status


def body_of(error: BaseException) -> bytes:
    """The ``{"message": ...}`` body for ``error``; the text of an unforeseen one stays in the log."""
    foreseen = isinstance(error, (GolemError, msgspec.DecodeError, ValueError, TimeoutError))
    message = str(error) if foreseen else "The daemon failed on this request; its log says more."
    return encode(ErrorMessage(message=message))
