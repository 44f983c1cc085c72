"""BLAKE3's key derivation, for material of up to one chunk: all that a relay needs of the hash. Pure.

After the specification's reference: https://github.com/BLAKE3-team/BLAKE3-specs
"""

from __future__ import annotations

import struct

BLOCK_BYTES = 64
MAX_INPUT_BYTES = 1024
_MASK = 0xFFFFFFFF
_IV = (
    0x6A09E667,
    0xBB67AE85,
    0x3C6EF372,
    0xA54FF53A,
    0x510E527F,
    0x9B05688C,
    0x1F83D9AB,
    0x5BE0CD19,
)
_PERMUTATION = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
_COLUMNS = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15))
_DIAGONALS = ((0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))
_ROUNDS = 7
_CHUNK_START, _CHUNK_END, _ROOT = 1, 2, 8
_CONTEXT, _MATERIAL = 32, 64


def derive_key(context: str, material: bytes) -> bytes:
    """32 bytes that depend on both; ``context`` is a constant of the program. Raises ValueError."""
    key = _hash(context.encode(), _IV, _CONTEXT)
    return _hash(material, struct.unpack("<8I", key), _MATERIAL)


def _hash(data: bytes, key: tuple[int, ...], mode: int) -> bytes:
    if len(data) > MAX_INPUT_BYTES:
        raise ValueError(f"at most {MAX_INPUT_BYTES} bytes can be hashed")
    blocks = [data[start : start + BLOCK_BYTES] for start in range(0, len(data), BLOCK_BYTES)] or [b""]
    for index, block in enumerate(blocks):
        is_last = index == len(blocks) - 1
        flags = mode | (_CHUNK_START if index == 0 else 0) | (_CHUNK_END | _ROOT if is_last else 0)
        key = _compress(key, block, flags)
    return struct.pack("<8I", *key)


def _compress(chain: tuple[int, ...], block: bytes, flags: int) -> tuple[int, ...]:
    state = [*chain, *_IV[:4], 0, 0, len(block), flags]
    words = list(struct.unpack("<16I", block.ljust(BLOCK_BYTES, b"\0")))
    for _ in range(_ROUNDS):
        for index, places in enumerate((*_COLUMNS, *_DIAGONALS)):
            _mix(state, places, words[2 * index], words[2 * index + 1])
        words = [words[place] for place in _PERMUTATION]
    return tuple(state[place] ^ state[place + 8] for place in range(8))


def _mix(state: list[int], places: tuple[int, int, int, int], one: int, other: int) -> None:
    a, b, c, d = places
    for word, first, second in ((one, 16, 12), (other, 8, 7)):
        state[a] = (state[a] + state[b] + word) & _MASK
        state[d] = _rotated(state[d] ^ state[a], first)
        state[c] = (state[c] + state[d]) & _MASK
        state[b] = _rotated(state[b] ^ state[c], second)


def _rotated(word: int, by: int) -> int:
    return (word >> by | word << 32 - by) & _MASK
