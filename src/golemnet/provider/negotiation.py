"""What an agent answers to a requestor's proposal, and whether it signs an agreement. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from golemnet.model import names
from golemnet.model.manifest import package_of
from golemnet.model.pricing import LinearPricing
from golemnet.model.properties import Value

DEFAULT_PLATFORM = "erc20-holesky-tglm"
SHORTEST = timedelta(seconds=5)
LONGEST = timedelta(days=365)
# (smallest, largest) seconds that we agree to; a demand that names none is answered without the property.
NEGOTIABLE: Mapping[str, tuple[float, float]] = {
    names.DEBIT_NOTE_INTERVAL_S: (1, 24 * 3600),
    names.PAYMENT_TIMEOUT_S: (1, 24 * 3600),
    names.ACCEPT_TIMEOUT_S: (5, 24 * 3600),
}


class Counter(msgspec.Struct, frozen=True):
    """We agree, on these properties."""

    properties: dict[str, Value]


class Refusal(msgspec.Struct, frozen=True):
    """We do not agree; ``final`` if asking again cannot help."""

    message: str
    final: bool = True

    def reason(self) -> dict[str, Any]:
        """As it is sent."""
        return {names.REASON_MESSAGE: self.message, names.REJECTION_IS_FINAL: self.final}


BUSY = Refusal("No capacity: the machine works for others now.", final=False)


def answer(demand: Mapping[str, Any], offer: Mapping[str, Value], now: datetime) -> Counter | Refusal:
    """What to answer to a proposal with the flat properties ``demand``.

    Args:
        demand: what the requestor wants.
        offer: the flat properties of our offer.
        now: when we are asked.
    """
    refusal = _expiration(demand, now) or _platform(demand, offer) or _package(demand, offer)
    return refusal or _settled(demand, offer)


def objection(
    demand: Mapping[str, Any], agreed: Mapping[str, Any], ours: LinearPricing, now: datetime
) -> str:
    """Why an agreement must not be signed; empty if it may.

    Args:
        demand: the flat properties of the agreement's demand.
        agreed: those of its offer.
        ours: the prices that we have published.
        now: when we are asked.
    """
    try:
        prices = LinearPricing.from_properties(agreed)
    except ValueError as error:
        return str(error)
    if prices != ours:
        return "The prices are not those of our offer."
    refusal = _expiration(demand, now) or _platform(demand, agreed)
    return refusal.message if refusal else ""


def expiration(demand: Mapping[str, Any]) -> datetime | None:
    """When the requestor's work ends at the latest; None if the demand does not say it."""
    value = demand.get(names.EXPIRATION)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return datetime.fromtimestamp(value / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _expiration(demand: Mapping[str, Any], now: datetime) -> Refusal | None:
    end = expiration(demand)
    if end is None:
        return Refusal(f"{names.EXPIRATION} is missing: when does the work end?")
    if end - now < SHORTEST:
        return Refusal("The work would end before it has begun.")
    return Refusal("The work would last longer than a year.") if end - now > LONGEST else None


def _platform(demand: Mapping[str, Any], offer: Mapping[str, Any]) -> Refusal | None:
    """Clients of 2020 name no platform and mean the default one."""
    chosen = str(demand.get(names.CHOSEN_PLATFORM) or DEFAULT_PLATFORM)
    known = names.platform_address(chosen) in offer
    return None if known else Refusal(f"We are not paid on {chosen[:80]}.")


def _package(demand: Mapping[str, Any], offer: Mapping[str, Value]) -> Refusal | None:
    """A manifest's image comes first, and must be one for this machine."""
    has_manifest = names.PAYLOAD_MANIFEST in demand
    if not has_manifest and demand.get(names.TASK_PACKAGE) is None:
        return None
    architecture = str(offer.get(names.CPU_ARCHITECTURE))
    try:
        package = package_of(demand, architecture)
    except ValueError as error:
        name = names.PAYLOAD_MANIFEST if has_manifest else names.TASK_PACKAGE
        return Refusal(f"{name} cannot be read: {error}")
    return None if package else Refusal(f"The manifest has no image for Linux on {architecture}.")


def _settled(demand: Mapping[str, Any], offer: Mapping[str, Value]) -> Counter | Refusal:
    """Our offer with the negotiable properties set to what the demand asks for."""
    properties = dict(offer)
    for name, (least, most) in NEGOTIABLE.items():
        wanted = demand.get(name)
        if wanted is None:
            properties.pop(name, None)
        elif isinstance(wanted, bool) or not isinstance(wanted, int | float) or not least <= wanted <= most:
            return Refusal(f"{name}={str(wanted)[:40]} is not between {least:g} and {most:g}.")
        else:
            properties[name] = wanted
    return Counter(properties)
