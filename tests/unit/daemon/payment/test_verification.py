"""A document that differs from the truth in anything is refused."""

from datetime import timedelta
from decimal import Decimal

import msgspec
import pytest

from golemnet.chain.ethereum import Receipt, TokenTransfer
from golemnet.daemon.payment.messages import ClaimBody, PartBody, PaymentBody
from golemnet.daemon.payment.paying import payment_record
from golemnet.daemon.payment.store import DEBIT_NOTE, INVOICE
from golemnet.daemon.payment.terms import ActivityFacts, terms_of
from golemnet.daemon.payment.verification import Refused, check_claim, check_payment, check_receipt

from .test_terms import NOW, PROVIDER, REQUESTOR, agreement

STRANGER = "0x" + "3" * 40
GLM = 10**18
FACTS = [ActivityFacts(activity_id="activity", started=NOW - timedelta(seconds=70))]
NOTE = ClaimBody(
    id="1",
    kind=DEBIT_NOTE,
    agreement_id="agreement",
    issuer_id=PROVIDER,
    recipient_id=REQUESTOR,
    payee_addr=PROVIDER,
    payer_addr=REQUESTOR,
    platform="erc20-holesky-tglm",
    amount=Decimal("0.52"),
    activity_ids=["activity"],
    timestamp=NOW,
    usage=[20.0, 0.0],
)
BILL = msgspec.structs.replace(NOTE, kind=INVOICE, usage=None)
PAYMENT = PaymentBody(
    id="1",
    payer_id=REQUESTOR,
    payee_id=PROVIDER,
    payer_addr=REQUESTOR,
    payee_addr=PROVIDER,
    platform="erc20-holesky-tglm",
    amount=Decimal(3),
    parts=[
        PartBody(agreement_id="agreement", activity_id=None, amount=Decimal(1)),
        PartBody(agreement_id="agreement", activity_id="activity", amount=Decimal(2)),
    ],
    transaction_hash="0x" + "ab" * 32,
    timestamp=NOW,
)


def check(body):
    check_claim(body, terms_of(agreement()), [], FACTS, NOW)


def test_honest_claims_are_believed():
    check(NOTE)
    check(BILL)


WRONG = [
    {"kind": "gift"},
    {"issuer_id": STRANGER},
    {"recipient_id": STRANGER},
    {"payee_addr": STRANGER},
    {"payer_addr": STRANGER},
    {"platform": "erc20-local-tglm"},
    {"amount": Decimal(2)},
    {"amount": Decimal(-1)},
    {"amount": Decimal("NaN")},
    {"amount": Decimal("1e-19")},
    {"activity_ids": ["invented"]},
]


@pytest.mark.parametrize("change", WRONG)
@pytest.mark.parametrize("honest", [NOTE, BILL], ids=["note", "invoice"])
def test_claim_that_differs_in_anything_is_refused(honest, change):
    with pytest.raises(Refused):
        check(msgspec.structs.replace(honest, **change))


@pytest.mark.parametrize(
    "change",
    [
        {"usage": [10.0, 0.0]},
        {"usage": [20.0]},
        {"usage": [float("nan"), 0.0]},
        {"usage": [-1.0, 0.0]},
        {"usage": [float("inf"), 0.0], "amount": Decimal("1.1")},
        {"activity_ids": []},
        {"activity_ids": ["activity", "activity"]},
    ],
)
def test_note_that_its_usage_does_not_justify_is_refused(change):
    with pytest.raises(Refused):
        check(msgspec.structs.replace(NOTE, **change))


def test_honest_payment_is_believed():
    check_payment(PAYMENT, PROVIDER, [terms_of(agreement())] * 2)


@pytest.mark.parametrize(
    "change",
    [
        {"payee_id": STRANGER},
        {"payer_id": STRANGER},
        {"payer_addr": STRANGER},
        {"payee_addr": STRANGER},
        {"amount": Decimal(4)},
        {"transaction_hash": "0x" + "AB" * 32},
        {"transaction_hash": "0x"},
    ],
)
def test_payment_that_differs_in_anything_is_refused(change):
    with pytest.raises(Refused):
        check_payment(msgspec.structs.replace(PAYMENT, **change), PROVIDER, [terms_of(agreement())] * 2)


def receipt(*transfers, succeeded=True):
    return Receipt(
        hash=PAYMENT.transaction_hash,
        block_number=1,
        block_hash="0x",
        confirmations=1,
        succeeded=succeeded,
        transfers=tuple(TokenTransfer(*each) for each in transfers),
    )


def test_transaction_may_hold_more_than_the_payment():
    check_receipt(PAYMENT, receipt((REQUESTOR, STRANGER, GLM), (REQUESTOR, PROVIDER, 3 * GLM)), [])


@pytest.mark.parametrize(
    "wrong",
    [
        receipt(),
        receipt((REQUESTOR, PROVIDER, 3 * GLM - 1)),
        receipt((STRANGER, PROVIDER, 3 * GLM)),
        receipt((REQUESTOR, STRANGER, 3 * GLM)),
        receipt((REQUESTOR, PROVIDER, 3 * GLM), succeeded=False),
    ],
)
def test_transaction_that_does_not_move_the_amount_is_refused(wrong):
    with pytest.raises(Refused):
        check_receipt(PAYMENT, wrong, [])


def test_transaction_is_not_counted_for_two_payments():
    counted = [payment_record(msgspec.structs.replace(PAYMENT, id="0"), "provider", b"")]

    with pytest.raises(Refused):
        check_receipt(PAYMENT, receipt((REQUESTOR, PROVIDER, 5 * GLM)), counted)
    check_receipt(PAYMENT, receipt((REQUESTOR, PROVIDER, 6 * GLM)), counted)
