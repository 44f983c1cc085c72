"""Our part of the ABI against the library for all of it."""

from __future__ import annotations

import eth_abi
import pytest
from hypothesis import given
from hypothesis import strategies as some

from golemnet.chain.abi import AbiError, decode, encode

ADDRESSES = some.binary(min_size=20, max_size=20).map(lambda content: "0x" + content.hex())
NUMBERS = some.integers(0, 2**256 - 1)
VALUES = {
    "address": ADDRESSES,
    "uint256": NUMBERS,
    "uint8": some.integers(0, 255),
    "bool": some.booleans(),
    "bytes32": some.binary(min_size=32, max_size=32),
    "string": some.text(max_size=100),
    "address[]": some.lists(ADDRESSES, max_size=5).map(tuple),
    "uint256[]": some.lists(NUMBERS, max_size=5).map(tuple),
}


@given(some.data(), some.lists(some.sampled_from(sorted(VALUES)), max_size=5))
def test_it_agrees_with_the_library(data: some.DataObject, types: list[str]) -> None:
    values = [data.draw(VALUES[kind]) for kind in types]
    encoded = encode(types, values)
    assert encoded == eth_abi.encode(types, values)
    assert decode(types, encoded) == eth_abi.decode(types, encoded) == tuple(values)


@given(some.sampled_from(sorted(VALUES)), some.binary(max_size=200))
def test_any_bytes_are_values_or_an_error(kind: str, data: bytes) -> None:
    try:
        decode([kind], data)
    except AbiError:
        return


@pytest.mark.parametrize(
    ("kind", "value"), [("uint256", -1), ("uint256", 2**256), ("uint8", 256), ("bytes32", b""), ("int64", 1)]
)
def test_what_does_not_fit_is_refused(kind: str, value: object) -> None:
    with pytest.raises(AbiError):
        encode([kind], [value])


def test_a_list_of_a_claimed_length_does_not_fill_the_memory() -> None:
    with pytest.raises(AbiError):
        decode(["uint256[]"], encode(["uint256", "uint256"], [32, 2**200]))
