"""Names of published files: hashes of their content, so that who fetches one can check it.

Published clients are given the SHA3-256, 64 hex digits. Our own scripts use the SHA-256, ``sha256-`` and 64
hex digits, which processors compute three to five times as fast: a file is hashed at both ends of its way.
"""

from __future__ import annotations

import hashlib
import re

SHA3_256 = "sha3_256"
SHA_256 = "sha256"
_PREFIX = "sha256-"
_NAME = re.compile(rf"(?:{_PREFIX})?[0-9a-f]{{64}}")


def is_content_name(file_id: str) -> bool:
    """Whether the id is the hash of the file's content."""
    return _NAME.fullmatch(file_id) is not None


def content_name(algorithm: str, hexdigest: str) -> str:
    """The name of content whose hash by ``SHA3_256`` or ``SHA_256`` is known."""
    return _PREFIX + hexdigest if algorithm == SHA_256 else hexdigest


def hash_for(name: str) -> hashlib._Hash:
    """A new hash of the kind that ``name`` is; digits alone are a SHA-3, and their number says which."""
    return hashlib.new(SHA_256 if name.startswith(_PREFIX) else f"sha3_{len(name) * 4}")


def is_named(found: hashlib._Hash, name: str) -> bool:
    """Whether ``name`` is that of the content that was hashed."""
    return found.hexdigest() == name.removeprefix(_PREFIX)
