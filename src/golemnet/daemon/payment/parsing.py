"""Addresses and ids of deposits as programs and people write them."""

from __future__ import annotations

from golemnet.daemon.payment.terms import NO_ADDRESS
from golemnet.model.node_id import NodeId
from golemnet.rest.errors import BadRequest

_MOST_ID = 2**256


def parse_address(text: str) -> str:
    """The address, in lower case. Raises BadRequest; also for the zero address, which would lose tokens."""
    try:
        address = str(NodeId.parse(text))
    except ValueError as error:
        raise BadRequest(f"{text[:60]!r} is no address.") from error
    if address == NO_ADDRESS:
        raise BadRequest("The zero address would lose the tokens.")
    return address


def parse_deposit_id(text: str) -> int:
    """The id, written in hex with 0x or in decimal. Raises BadRequest."""
    try:
        number = int(text, 16) if text.lower().startswith("0x") else int(text)
    except ValueError as error:
        raise BadRequest(f"{text[:80]!r} is no id of a deposit.") from error
    if not 0 <= number < _MOST_ID:
        raise BadRequest(f"{text[:80]!r} is no id of a deposit.")
    return number
