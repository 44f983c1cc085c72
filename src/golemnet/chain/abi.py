"""The part of the Ethereum contract ABI that our contracts use: words of 32 bytes, texts, and lists of words.

Ours because a library for all of it costs each daemon half a second of start and 12 MB; the tests compare
the two. Source: "Contract ABI Specification" of the Solidity documentation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

WORD = 32
MAX_ITEMS = 100_000
_WORD_BITS = {"address": 160, "bool": 1, "uint8": 8, "uint64": 64, "uint128": 128, "uint256": 256}


class AbiError(ValueError):
    """Values do not fit their types, or bytes are not what their types say."""


def encode(types: Sequence[str], values: Sequence[Any]) -> bytes:
    """``values`` as a tuple of ``types``. Raises AbiError."""
    if len(types) != len(values):
        raise AbiError(f"{len(types)} types, but {len(values)} values")
    heads, tails, offset = list[bytes](), list[bytes](), WORD * len(types)
    for kind, value in zip(types, values, strict=True):
        if not _is_dynamic(kind):
            heads.append(_encode_word(kind, value))
            continue
        heads.append(_encode_word("uint256", offset))
        tails.append(_encode_dynamic(kind, value))
        offset += len(tails[-1])
    return b"".join(heads + tails)


def decode(types: Sequence[str], data: bytes) -> tuple[Any, ...]:
    """The values in ``data``, a tuple of ``types``. Raises AbiError."""
    values = list[Any]()
    for position, kind in enumerate(types):
        if _is_dynamic(kind):
            values.append(_decode_dynamic(kind, data, _decode_word("uint256", data, position * WORD)))
        else:
            values.append(_decode_word(kind, data, position * WORD))
    return tuple(values)


def _is_dynamic(kind: str) -> bool:
    return kind.endswith("[]") or kind in ("string", "bytes")


def _encode_word(kind: str, value: Any) -> bytes:
    if kind == "bytes32":
        if len(value) != WORD:
            raise AbiError(f"bytes32 needs 32 bytes, not {len(value)}")
        return bytes(value)
    number = int(value, 16) if kind == "address" else int(value)
    if not 0 <= number < 1 << _bits(kind):
        raise AbiError(f"{value!r} is no {kind}")
    return number.to_bytes(WORD, "big")


def _decode_word(kind: str, data: bytes, position: int) -> Any:
    word = data[position : position + WORD]
    if len(word) < WORD:
        raise AbiError(f"{len(data)} bytes end before a {kind} at {position}")
    if kind == "bytes32":
        return word
    number = int.from_bytes(word, "big")
    if number >> _bits(kind):
        raise AbiError(f"{word.hex()} is no {kind}")
    if kind == "address":
        return f"0x{number:040x}"
    return bool(number) if kind == "bool" else number


def _encode_dynamic(kind: str, value: Any) -> bytes:
    if kind.endswith("[]"):
        items = b"".join(_encode_word(kind[:-2], each) for each in value)
        return _encode_word("uint256", len(value)) + items
    content = value.encode() if kind == "string" else bytes(value)
    return _encode_word("uint256", len(content)) + content + bytes(-len(content) % WORD)


def _decode_dynamic(kind: str, data: bytes, position: int) -> Any:
    count = _decode_word("uint256", data, position)
    if count > MAX_ITEMS:
        raise AbiError(f"{count} are more than {MAX_ITEMS}")
    start = position + WORD
    if kind.endswith("[]"):
        return tuple(_decode_word(kind[:-2], data, start + WORD * item) for item in range(count))
    content = data[start : start + count]
    if len(content) < count:
        raise AbiError(f"{len(data)} bytes end before a {kind} does")
    return content.decode(errors="replace") if kind == "string" else content


def _bits(kind: str) -> int:
    if kind not in _WORD_BITS:
        raise AbiError(f"{kind} is not a type that our contracts use")
    return _WORD_BITS[kind]
