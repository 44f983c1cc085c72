"""Bodies of the service-bus API (``/gsb-api/v1``): programs that answer calls from other nodes, and files.

The WebSocket of a registered service carries binary frames: the daemon sends a map
``{id, component, payload}``, the program answers ``{id, payload}`` or ``{id, error}``; sub-protocol
``gsb+flexbuffers`` as published clients use it, or ``gsb+msgpack``.
"""

from __future__ import annotations

from golemnet.rest.wire import Wire

PREFIX = "/gsb-api/v1"
FLEXBUFFERS = "gsb+flexbuffers"
MSGPACK = "gsb+msgpack"


class Listen(Wire):
    """The address (``/public/...``) and the calls that a program answers."""

    on: str
    components: list[str]


class NewServices(Wire):
    """A request to register a service."""

    listen: Listen


class ServicesResult(Wire):
    """The registered service; ``services_id`` is the base64url of its address without padding."""

    listen: Listen
    services_id: str
