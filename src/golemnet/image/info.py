"""What a registry says of an image."""

from __future__ import annotations

import msgspec


class ImageInfo(msgspec.Struct, frozen=True):
    """Where an image is, its hash (SHA3-224) and its size in bytes.

    Clients read ``http`` or ``https``, as they prefer; both are the same address.
    """

    http: str
    https: str
    sha3: str
    size: int
