"""How the REST API writes amounts: published clients show and compare the text as it stands."""

from __future__ import annotations

from decimal import Decimal

import pytest

from golemnet.rest.payment import Acceptance, AllocationUpdate
from golemnet.rest.wire import decode, encode


@pytest.mark.parametrize(
    ("amount", "text"),
    [("6.51997759722E-7", "0.000000651997759722"), ("1E+3", "1000"), ("0", "0"), ("0.10", "0.1")],
)
def test_no_amount_has_an_exponent(amount: str, text: str) -> None:
    body = encode(Acceptance(total_amount_accepted=Decimal(amount), allocation_id="a"))
    assert body == b'{"totalAmountAccepted":"%s","allocationId":"a"}' % text.encode()


def test_an_amount_that_was_read_is_written_plainly_too() -> None:
    read = decode(b'{"totalAmountAccepted":"1e-18","allocationId":"a"}', Acceptance)
    assert read.total_amount_accepted == Decimal("1e-18")
    assert b'"0.000000000000000001"' in encode(read)


def test_a_missing_amount_stays_missing() -> None:
    assert b'"totalAmount":null' in encode(AllocationUpdate())
