"""The account status as three rows, and as the object that programs read."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from golemnet.cli.output import show_json
from golemnet.cli.payment_tables import status_fields, status_rows
from golemnet.rest.payment import AccountStatus

STATUS = AccountStatus(
    address="0x1",
    platform="erc20-holesky-tglm",
    driver="erc20",
    network="holesky",
    token="tGLM",
    amount=Decimal("1000.000000000000000001"),
    reserved=Decimal("1E+1"),
    gas=Decimal("0.5"),
    outgoing_requested=Decimal(3),
    outgoing_accepted=Decimal(2),
    outgoing_confirmed=Decimal("1.25"),
    incoming_requested=Decimal(0),
    incoming_accepted=Decimal(0),
    incoming_confirmed=Decimal(0),
)


def test_amounts_are_printed_for_programs(capsys: pytest.CaptureFixture[str]):
    show_json(status_fields(STATUS))
    printed = json.loads(capsys.readouterr().out)
    assert (printed["amount"], printed["reserved"]) == ("1000.000000000000000001", "10")


def test_the_rows():
    driver, network, token = status_rows(STATUS)
    assert (driver["platform"], driver["total amount"], driver["reserved"]) == (
        "driver: erc20",
        "1000 tGLM",
        "10 tGLM",
    )
    assert (network["amount"], network["outgoing"]) == ("confirmed", "1.25")
    assert (token["amount"], token["outgoing"], token["gas"]) == ("requested", "3", "")
    assert driver.keys() == network.keys() == token.keys()


def test_the_fields_keep_every_digit():
    fields = status_fields(STATUS)
    assert fields["amount"] == Decimal("1000.000000000000000001")
    assert fields["outgoing"]["confirmed"] == {"totalAmount": Decimal("1.25")}
