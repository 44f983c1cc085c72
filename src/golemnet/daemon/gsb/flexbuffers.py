"""FlexBuffers, the schema-less sibling of FlatBuffers: the encoding of published clients' bus messages.

Format: https://flatbuffers.dev/internals (section FlexBuffers). Values are None, bool, int, float, str,
bytes, list and dict with text keys. What is read comes from programs, so every offset is checked and depth
and number of values are bounded; many references to one large value cannot make a small message large.
"""

from __future__ import annotations

import struct
from typing import Any, Final

MAX_DEPTH: Final = 32
MAX_VALUES: Final = 1_000_000

NULL, INT, UINT, FLOAT, KEY, STRING, INDIRECT_INT, INDIRECT_UINT, INDIRECT_FLOAT, MAP, VECTOR = range(11)
VECTOR_INT, VECTOR_UINT, VECTOR_FLOAT, VECTOR_KEY, VECTOR_STRING = range(11, 16)
FIRST_FIXED, LAST_FIXED = 16, 24
BLOB, BOOL = 25, 26
VECTOR_BOOL = 36

_ELEMENT: Final = {
    VECTOR_INT: INT,
    VECTOR_UINT: UINT,
    VECTOR_FLOAT: FLOAT,
    VECTOR_KEY: KEY,
    VECTOR_STRING: STRING,
    VECTOR_BOOL: BOOL,
}
_INDIRECT: Final = {INDIRECT_INT: INT, INDIRECT_UINT: UINT, INDIRECT_FLOAT: FLOAT}
_FLOATS: Final = {2: "<e", 4: "<f", 8: "<d"}

# Everything is written in units of four bytes; numbers that need eight are referred to.
_WIDTH: Final = 4
_WIDTH_CODE: Final = 2
_WIDE_CODE: Final = 3


def decode(data: bytes) -> Any:
    """The value in ``data``. Raises ValueError for anything that is not FlexBuffers within the bounds."""
    if len(data) < 3:
        raise ValueError("FlexBuffers: too short")
    width, packed = data[-1], data[-2]
    try:
        return _Reader(data).value(len(data) - 2 - width, width, packed, MAX_DEPTH)
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise ValueError(f"FlexBuffers: {error}") from error


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._left = MAX_VALUES
        self._bytes_left = 4 * len(data) + 1024

    def value(self, at: int, width: int, packed: int, depth: int) -> Any:
        """The value whose slot of ``width`` bytes is at ``at``."""
        self._spend(depth)
        kind, own_width = packed >> 2, 1 << (packed & 3)
        if kind in (NULL, INT, UINT, FLOAT, BOOL):
            return self._scalar(at, width, kind)
        target = self._indirect(at, width)
        if kind in _INDIRECT:
            return self._scalar(target, own_width, _INDIRECT[kind])
        if kind == KEY:
            return self._key(target)
        if kind in (STRING, BLOB):
            content = self._bytes(target, self._size(target, own_width))
            return content.decode() if kind == STRING else content
        if kind == MAP:
            return self._map(target, own_width, depth - 1)
        return self._vector(target, own_width, kind, depth - 1)

    def _map(self, target: int, width: int, depth: int) -> dict[str, Any]:
        keys = self._indirect(target - 3 * width, width)
        keys_width = self._size(target - width, width)
        if keys_width not in (1, 2, 4, 8):
            raise ValueError("FlexBuffers: keys of a strange width")
        values = self._vector(target, width, VECTOR, depth)
        names = [
            self._key(self._indirect(keys + number * keys_width, keys_width)) for number in range(len(values))
        ]
        return dict(zip(names, values, strict=True))

    def _vector(self, target: int, width: int, kind: int, depth: int) -> list[Any]:
        if FIRST_FIXED <= kind <= LAST_FIXED:
            count, element = (kind - FIRST_FIXED) // 3 + 2, INT + (kind - FIRST_FIXED) % 3
        else:
            count, element = self._size(target, width), _ELEMENT.get(kind)
        if kind != VECTOR and element is None:
            raise ValueError(f"FlexBuffers: unknown type {kind}")
        if count > self._left:
            raise ValueError("FlexBuffers: too many values")
        types = self._bytes(target + count * width, count) if element is None else None
        return [
            self.value(
                target + number * width,
                width,
                (element or 0) << 2 if types is None else types[number],
                depth,
            )
            for number in range(count)
        ]

    def _scalar(self, at: int, width: int, kind: int) -> Any:
        if kind == NULL:
            return None
        raw = self._slot(at, width)
        if kind == FLOAT:
            if width not in _FLOATS:
                raise ValueError("FlexBuffers: a float of one byte")
            return struct.unpack(_FLOATS[width], raw)[0]
        number = int.from_bytes(raw, "little", signed=kind == INT)
        return bool(number) if kind == BOOL else number

    def _size(self, target: int, width: int) -> int:
        """The length that stands before ``target``."""
        return int.from_bytes(self._slot(target - width, width), "little")

    def _indirect(self, at: int, width: int) -> int:
        target = at - int.from_bytes(self._slot(at, width), "little")
        if target < 0:
            raise ValueError("FlexBuffers: an offset leads outside")
        return target

    def _key(self, at: int) -> str:
        end = self._data.find(b"\0", at)
        if end < 0:
            raise ValueError("FlexBuffers: a key without end")
        return self._bytes(at, end - at).decode()

    def _slot(self, at: int, width: int) -> bytes:
        if width not in (1, 2, 4, 8) or at < 0 or at + width > len(self._data):
            raise ValueError("FlexBuffers: an offset leads outside")
        return self._data[at : at + width]

    def _bytes(self, at: int, size: int) -> bytes:
        self._bytes_left -= size
        if at < 0 or at + size > len(self._data) or self._bytes_left < 0:
            raise ValueError("FlexBuffers: a value leads outside")
        return self._data[at : at + size]

    def _spend(self, depth: int) -> None:
        self._left -= 1
        if depth < 0 or self._left < 0:
            raise ValueError("FlexBuffers: too deep, or too many values")


def encode(value: Any) -> bytes:
    """``value`` as FlexBuffers. Raises TypeError for a type that it has not, ValueError when too deep."""
    writer = _Writer()
    slot, packed = writer.place(value, MAX_DEPTH)
    writer.align()
    writer.slot(slot)
    return bytes(writer.data) + bytes((packed, _WIDTH))


class _Slot:
    """What stands in a vector or at the root: the four bytes themselves, or the place referred to."""

    __slots__ = ("inline", "target")

    def __init__(self, inline: bytes = b"", target: int = -1) -> None:
        self.inline = inline
        self.target = target


class _Writer:
    def __init__(self) -> None:
        self.data = bytearray()
        self._keys: dict[str, int] = {}

    def place(self, value: Any, depth: int) -> tuple[_Slot, int]:
        """Write what ``value`` refers to; returns its slot and its packed type."""
        if depth < 0:
            raise ValueError("FlexBuffers: too deep")
        match value:
            case None:
                return _Slot(bytes(_WIDTH)), _packed(NULL)
            case bool():
                return _Slot(int(value).to_bytes(_WIDTH, "little")), _packed(BOOL)
            case int():
                return self._integer(value)
            case float():
                return self._wide(struct.pack("<d", value)), _packed(INDIRECT_FLOAT, _WIDE_CODE)
            case str():
                return self._sized(value.encode(), end=b"\0"), _packed(STRING)
            case bytes() | bytearray() | memoryview():
                return self._sized(bytes(value)), _packed(BLOB)
            case list() | tuple():
                return self._vector([self.place(each, depth - 1) for each in value]), _packed(VECTOR)
            case dict():
                return self._map(value, depth - 1), _packed(MAP)
        raise TypeError(f"FlexBuffers cannot hold a {type(value).__name__}")

    def slot(self, slot: _Slot) -> None:
        """Write the four bytes of ``slot`` here."""
        self.data += slot.inline or (len(self.data) - slot.target).to_bytes(_WIDTH, "little")

    def align(self, width: int = _WIDTH) -> None:
        """Fill up to a multiple of ``width``."""
        self.data += bytes(-len(self.data) % width)

    def _integer(self, value: int) -> tuple[_Slot, int]:
        if 0 <= value < 1 << 32:
            return _Slot(value.to_bytes(_WIDTH, "little")), _packed(UINT)
        if -(1 << 31) <= value < 0:
            return _Slot(value.to_bytes(_WIDTH, "little", signed=True)), _packed(INT)
        try:
            wide = self._wide(value.to_bytes(8, "little", signed=value < 0))
        except OverflowError as error:
            raise ValueError("FlexBuffers: an integer of more than 64 bits") from error
        return wide, _packed(INDIRECT_INT if value < 0 else INDIRECT_UINT, _WIDE_CODE)

    def _wide(self, raw: bytes) -> _Slot:
        self.align(8)
        self.data += raw
        return _Slot(target=len(self.data) - 8)

    def _sized(self, content: bytes, *, end: bytes = b"") -> _Slot:
        self.align()
        self.data += len(content).to_bytes(_WIDTH, "little")
        target = len(self.data)
        self.data += content + end
        return _Slot(target=target)

    def _vector(self, items: list[tuple[_Slot, int]]) -> _Slot:
        self.align()
        self.data += len(items).to_bytes(_WIDTH, "little")
        return self._items(items)

    def _items(self, items: list[tuple[_Slot, int]]) -> _Slot:
        target = len(self.data)
        for slot, _ in items:
            self.slot(slot)
        self.data += bytes(packed for _, packed in items)
        return _Slot(target=target)

    def _map(self, value: dict[str, Any], depth: int) -> _Slot:
        # Readers search keys by halves, in the order of their bytes.
        names = sorted(value, key=str.encode)
        items = [self.place(value[name], depth) for name in names]
        places = [_Slot(target=self._key(name)) for name in names]
        self.align()
        self.data += len(names).to_bytes(_WIDTH, "little")
        keys = len(self.data)
        for place in places:
            self.slot(place)
        self.slot(_Slot(target=keys))
        self.data += _WIDTH.to_bytes(_WIDTH, "little")
        self.data += len(names).to_bytes(_WIDTH, "little")
        return self._items(items)

    def _key(self, name: str) -> int:
        if "\0" in name:
            raise ValueError("FlexBuffers: a key cannot hold a zero byte")
        if name not in self._keys:
            self._keys[name] = len(self.data)
            self.data += name.encode() + b"\0"
        return self._keys[name]


def _packed(kind: int, width_code: int = _WIDTH_CODE) -> int:
    return kind << 2 | width_code
