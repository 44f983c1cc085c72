"""What every body has in common: odd JSON, odd times, and fields without a value."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from golemnet.rest.activity import ActivityState, ActivityUsage, ExeScriptCommandResult
from golemnet.rest.market import DemandOfferBase
from golemnet.rest.payment import Allocation
from golemnet.rest.wire import decode, encode, utc

NOW = datetime(2026, 11, 26, tzinfo=UTC)


def fields(value: Any) -> dict[str, Any]:
    return msgspec.json.decode(encode(value))


def test_json_that_is_nested_too_deeply_is_no_json() -> None:
    with pytest.raises(msgspec.DecodeError, match="deep"):
        decode(b'{"properties":' * 20_000, DemandOfferBase)


@pytest.mark.parametrize(
    "moment",
    [
        datetime.min.replace(tzinfo=timezone(timedelta(hours=1))),
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-1))),
    ],
)
def test_a_time_outside_the_calendar_is_a_wrong_value(moment: datetime) -> None:
    with pytest.raises(ValueError, match="years"):
        utc(moment)


def test_what_has_no_value_is_left_out() -> None:
    assert fields(ActivityState(state=("Ready", None))) == {"state": ["Ready", None]}
    assert fields(ActivityUsage()) == {"timestamp": 0}


def test_what_clients_insist_on_is_there_even_when_it_is_false() -> None:
    result = ExeScriptCommandResult(index=0, event_date=NOW, result="Ok")
    assert fields(result)["isBatchFinished"] is False
    allocation = Allocation(
        allocation_id="a",
        address="0x",
        payment_platform="erc20-holesky-tglm",
        total_amount=Decimal(1),
        spent_amount=Decimal(0),
        remaining_amount=Decimal(1),
        timestamp=NOW,
    )
    assert fields(allocation)["makeDeposit"] is False
    assert "timeout" not in fields(allocation)
