"""The account status as rows of a table and as fields for programs."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from golemnet.model.money import short_amount
from golemnet.rest.payment import AccountStatus


def status_rows(status: AccountStatus) -> list[dict[str, str]]:
    """A row each for driver, network and token, with a stage of the payments; one more for vouchers."""
    token, gas = status.token, f"{short_amount(status.gas)} ETH"
    first = _row(f"driver: {status.driver}", "accepted", status.incoming_accepted, status.outgoing_accepted)
    second = _row(
        f"network: {status.network}", "confirmed", status.incoming_confirmed, status.outgoing_confirmed
    )
    third = _row(f"token: {token}", "requested", status.incoming_requested, status.outgoing_requested)
    first |= {
        "total amount": f"{short_amount(status.amount)} {token}",
        "reserved": f"{short_amount(status.reserved)} {token}",
        "gas": gas,
    }
    if status.set_aside is None or status.unredeemed is None:
        return [first, second, third]
    return [first, second, third, _row("", "vouchers", status.unredeemed, status.set_aside)]


def status_fields(status: AccountStatus) -> dict[str, Any]:
    """The object that programs read: totals by direction and stage, amounts as strings."""
    return {
        "account": status.address,
        "platform": status.platform,
        "driver": status.driver,
        "network": status.network,
        "token": status.token,
        "amount": status.amount,
        "reserved": status.reserved,
        "gas": {"balance": status.gas, "currency_short_name": "ETH"},
        "outgoing": _stages(status.outgoing_requested, status.outgoing_accepted, status.outgoing_confirmed),
        "incoming": _stages(status.incoming_requested, status.incoming_accepted, status.incoming_confirmed),
        "block_number": status.block_number,
        "block_datetime": status.block_datetime,
        **_vouchers(status),
    }


def _vouchers(status: AccountStatus) -> dict[str, Any]:
    if status.set_aside is None:
        return {}
    return {"vouchers": {"setAside": status.set_aside, "unredeemed": status.unredeemed}}


def _row(platform: str, stage: str, incoming: Decimal, outgoing: Decimal) -> dict[str, str]:
    return {
        "platform": platform,
        "total amount": "",
        "reserved": "",
        "amount": stage,
        "incoming": short_amount(incoming),
        "outgoing": short_amount(outgoing),
        "gas": "",
    }


def _stages(requested: Decimal, accepted: Decimal, confirmed: Decimal) -> dict[str, dict[str, Decimal]]:
    amounts = {"requested": requested, "accepted": accepted, "confirmed": confirmed}
    return {stage: {"totalAmount": amount} for stage, amount in amounts.items()}
