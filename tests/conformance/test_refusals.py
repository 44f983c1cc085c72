"""What every operation refuses in the same way: a missing or unknown key, and documents that nobody knows."""

from __future__ import annotations

from typing import Any

from api_door import PARAMETER, Door
from deal import Sides
from openapi_contract import Contract

OPEN = {"version-api:getVersion"}
NO_TIME = {"timeout": "0"}


async def test_nothing_but_the_version_is_told_without_a_key(sides: Sides, contract: Contract):
    for name in contract.operations:
        status = (await _ask(sides.stranger, contract, name)).status
        assert status == (200 if name in OPEN else 401), name


async def test_what_is_not_known_is_not_found(sides: Sides, contract: Contract):
    names = [name for name in contract.operations if _may_miss(contract, name)]
    assert len(names) > 50
    for name in names:
        status = (await _ask(sides.requestor, contract, name)).status
        # Where a body is needed, its absence may be seen first.
        has_body = "requestBody" in contract.descriptions[name].operation
        assert status in ((400, 404) if has_body else (404,)), name


def _may_miss(contract: Contract, name: str) -> bool:
    named = PARAMETER.search(contract.operations[name].full_path)
    return named is not None and 404 in contract.descriptions[name].statuses


async def _ask(door: Door, contract: Contract, name: str) -> Any:
    places = ["0x" + "0" * 40 for _ in PARAMETER.findall(contract.operations[name].full_path)]
    return await door.ask(name, *places, params=NO_TIME)
