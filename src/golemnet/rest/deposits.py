"""Bodies of the deposits' API (``/payment-api/v1/deposits``, ours): tokens that one node may pay for another.

What an allocation says of a deposit that it draws from is ``golemnet.rest.payment.Deposit``.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from golemnet.rest.payment import PREFIX as PAYMENT
from golemnet.rest.wire import MoneyWire

PREFIX = f"{PAYMENT}/deposits"

OPEN, ENDED, CLOSED = "open", "ended", "closed"

MARGIN = timedelta(minutes=5)
"""Nothing is accepted from a deposit that ends sooner: a payment may have to wait for the chain."""


class NewDeposit(MoneyWire):
    """A request to set ``amount`` GLM aside for the address ``spender`` until ``valid_to``, and a fee beside.

    There is one deposit for each spender, amount, fee and ``number``, however often it is asked for.
    """

    spender: str
    amount: Decimal
    valid_to: datetime
    fee: Decimal = Decimal(0)
    number: int = 1
    address: str | None = None
    payment_platform: str | None = None


class DepositExtension(MoneyWire):
    """A request to have ``amount`` GLM in a deposit, to let it last until ``valid_to``, or both."""

    amount: Decimal | None = None
    valid_to: datetime | None = None


class FundedDeposit(MoneyWire):
    """A deposit on the chain; ``amount`` is what is left in it.

    ``state`` is open, ended (not valid any more) or closed (all was given back). ``allocation_id`` is the
    allocation of this node that draws from it. ``is_new`` says that the request has made it.
    """

    id: str
    contract: str
    funder: str
    spender: str
    amount: Decimal
    fee: Decimal
    valid_to: datetime
    state: str
    allocation_id: str | None = None
    is_new: bool = False
