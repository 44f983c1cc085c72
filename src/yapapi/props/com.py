"""Prices."""

from golemnet.requestor.published.models import (
    DEFINED_USAGES,
    LINEAR_COEFFS,
    PRICE_MODEL,
    SCHEME,
    BillingScheme,
    Com,
    ComLinear,
    Counter,
    PriceModel,
)

__all__ = [
    "DEFINED_USAGES",
    "LINEAR_COEFFS",
    "PRICE_MODEL",
    "SCHEME",
    "BillingScheme",
    "Com",
    "ComLinear",
    "Counter",
    "PriceModel",
]
