"""Which release this is, and which release of the network's API it answers like.

Published clients refuse daemons below a version of the reference daemon, so that number is the one that
``GET /version/get`` gives; our own goes into ``implementation``.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from golemnet.rest.identity import VersionInfo, VersionResponse

COMPATIBLE_WITH = "0.17.6"
RELEASED = "2025-11-24T00:00:00"


def own_version() -> str:
    """The version of this distribution."""
    try:
        return version("golemnet")
    except PackageNotFoundError:
        return "unknown"


def version_response() -> VersionResponse:
    """The answer to ``GET /version/get``."""
    info = VersionInfo(
        version=COMPATIBLE_WITH,
        name=f"v{COMPATIBLE_WITH} golemnet",
        seen=True,
        release_ts=RELEASED,
        implementation=f"golemnet {own_version()}",
    )
    return VersionResponse(current=info)
