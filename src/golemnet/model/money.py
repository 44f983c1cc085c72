"""Amounts of GLM: Decimal with at most 18 places in documents, integer wei on the chain, never float."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_DOWN, Context, Decimal, InvalidOperation, localcontext

PLACES = 18
SHOWN_PLACES = 6
MAX_AMOUNT = Decimal(10) ** 27
_WEI = Decimal(10) ** PLACES
_SMALLEST = Decimal(1).scaleb(-PLACES)
_MAX_TEXT = 64
# Enough digits for the largest amount with all its places, and for products of two of them.
_EXACT = Context(prec=120)


def parse_amount(value: str | int | Decimal) -> Decimal:
    """An amount as somebody wrote it, checked.

    Raises:
        ValueError: not a number, not finite, negative, more than 18 places, or above 10^27.
    """
    amount = _read(value)
    if not amount.is_finite():
        raise ValueError(f"{_shown(value)} is not a finite amount")
    if amount < 0:
        raise ValueError(f"{_shown(value)} is negative")
    if amount > MAX_AMOUNT:
        raise ValueError(f"{_shown(value)} is more than there can ever be")
    return _with_places(amount, value)


def to_wei(amount: Decimal) -> int:
    """The amount in wei, 10^-18 of a token. Raises ValueError for what :func:`parse_amount` refuses."""
    with localcontext(_EXACT):
        return int(parse_amount(amount) * _WEI)


def from_wei(wei: int) -> Decimal:
    """The amount in tokens, exactly. ``wei`` may be any integer."""
    with localcontext(_EXACT):
        return Decimal(wei) / _WEI


def add_up(amounts: Iterable[Decimal]) -> Decimal:
    """The exact sum; Python's own rounds to 28 digits, and amounts may have 45."""
    with localcontext(_EXACT):
        return sum(amounts, Decimal(0))


def round_down(amount: Decimal) -> Decimal:
    """The amount with at most 18 places, the rest cut off."""
    with localcontext(_EXACT):
        return amount.quantize(_SMALLEST, rounding=ROUND_DOWN)


def format_amount(amount: Decimal) -> str:
    """Plain decimal text: no exponent, no trailing zeros (``0.1``, ``12``)."""
    text = format(amount, "f")
    shortened = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if shortened in ("", "-0") else shortened


def short_amount(amount: Decimal) -> str:
    """An amount for people: never more than there is, to six places or to its first two digits."""
    with localcontext(_EXACT):
        places = max(SHOWN_PLACES, 1 - amount.adjusted()) if amount else SHOWN_PLACES
        return format_amount(amount.quantize(Decimal(1).scaleb(-places), rounding=ROUND_DOWN))


def _read(value: str | int | Decimal) -> Decimal:
    if isinstance(value, str) and len(value) > _MAX_TEXT:
        raise ValueError(f"{_shown(value)} is too long for an amount")
    if isinstance(value, int) and value.bit_length() > 4 * _MAX_TEXT:
        raise ValueError("the number is more than there can ever be")
    try:
        return Decimal(value)
    except InvalidOperation as error:
        raise ValueError(f"{_shown(value)} is not an amount") from error


def _with_places(amount: Decimal, value: str | int | Decimal) -> Decimal:
    if amount and amount.adjusted() < -PLACES:
        raise ValueError(f"{_shown(value)} has more than {PLACES} places")
    with localcontext(_EXACT):
        cut = amount.quantize(_SMALLEST, rounding=ROUND_DOWN)
        if cut != amount:
            raise ValueError(f"{_shown(value)} has more than {PLACES} places")
        return Decimal(format_amount(cut))


def _shown(value: object) -> str:
    return repr(str(value)[:80])
