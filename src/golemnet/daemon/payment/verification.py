"""What must hold before a node believes a document of another one. Pure; each check raises ``Refused``."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from golemnet.chain.ethereum import Receipt
from golemnet.daemon.payment.messages import (
    MOST_ACTIVITIES,
    MOST_CLAIMS,
    MOST_PARTS,
    ClaimBody,
    PaymentBody,
)
from golemnet.daemon.payment.platforms import is_voucher
from golemnet.daemon.payment.store import DEBIT_NOTE, INVOICE, Claim, PaymentRecord
from golemnet.daemon.payment.terms import (
    ActivityFacts,
    Terms,
    exceeds,
    justified_invoice,
    justified_note,
)
from golemnet.errors import GolemError
from golemnet.model.money import add_up, parse_amount, to_wei

# Lower case only: each transaction has one spelling, so that none is counted twice.
_HASH = re.compile(r"0x[0-9a-f]{64}")


class Refused(GolemError):
    """The document is not believed, and never will be."""


def check_claim(
    body: ClaimBody, terms: Terms, before: Sequence[Claim], facts: Sequence[ActivityFacts], now: datetime
) -> None:
    """Whether the claim is between the right parties and asks for no more than the agreement justifies.

    Args:
        body: the claim, whose signature is verified.
        terms: of its agreement.
        before: the claims of the agreement that are known already.
        facts: what this node knows of the activities.
        now: the time of its arrival.
    """
    _require(body.kind in (DEBIT_NOTE, INVOICE), f"{body.kind[:40]!r} is no kind of claim")
    _require(body.issuer_id == terms.provider_id, "the issuer is not the agreement's provider")
    _require(body.recipient_id == terms.requestor_id, "the recipient is not the agreement's requestor")
    _require(body.platform == terms.platform, f"the agreement's platform is {terms.platform}")
    _require(body.payee_addr == terms.payee_addr, f"the agreement's payee is {terms.payee_addr}")
    _require(body.payer_addr == terms.payer_addr, f"the agreement's payer is {terms.payer_addr}")
    _require(len(body.activity_ids) <= MOST_ACTIVITIES, "it names too many activities")
    _require(len(before) < MOST_CLAIMS, "the agreement has too many claims")
    _require(all(math.isfinite(each) and each >= 0 for each in body.usage or ()), "its usage is no usage")
    _check_amount(body.amount)
    if body.kind == DEBIT_NOTE:
        _check_note(body, terms, before, facts, now)
    else:
        _check_invoice(body, terms, before, facts, now)


def _check_note(
    body: ClaimBody, terms: Terms, before: Sequence[Claim], facts: Sequence[ActivityFacts], now: datetime
) -> None:
    _require(len(body.activity_ids) == 1, "a debit note is for one activity")
    final = any(each.kind == INVOICE and each.state in ("ACCEPTED", "SETTLED") for each in before)
    _require(not final, "the agreement's invoice is accepted; it pays for everything")
    fact = _known(body.activity_ids, facts)[0]
    highest = max(
        (each.amount for each in before if each.activity_id == fact.activity_id), default=Decimal(0)
    )
    _require(body.amount >= highest, f"it asks for less than the note before, {highest:f} GLM")
    _check_price(body.amount, justified_note(terms, body.usage, _lifetime(fact, now)))


def _check_invoice(
    body: ClaimBody, terms: Terms, before: Sequence[Claim], facts: Sequence[ActivityFacts], now: datetime
) -> None:
    others = [each for each in before if each.kind == INVOICE and each.state not in ("REJECTED", "CANCELLED")]
    _require(not others, "the agreement has an invoice already")
    _known(body.activity_ids, facts)
    _check_price(body.amount, justified_invoice(terms, [_lifetime(each, now) for each in facts]))


def _known(activity_ids: Iterable[str], facts: Sequence[ActivityFacts]) -> list[ActivityFacts]:
    by_id = {each.activity_id: each for each in facts}
    unknown = [each for each in activity_ids if each not in by_id]
    _require(not unknown, f"there was no activity {unknown[:1]} under the agreement")
    return [by_id[each] for each in activity_ids]


def _lifetime(fact: ActivityFacts, now: datetime) -> timedelta:
    return (fact.ended or now) - fact.started


def _check_price(amount: Decimal, justified: Decimal | None) -> None:
    _require(
        not exceeds(amount, justified),
        f"it asks for {amount:f} GLM, the agreement's prices justify at most {justified}",
    )


def _check_amount(amount: Decimal) -> None:
    try:
        parse_amount(amount)
    except ValueError as error:
        raise Refused(f"Refused: {error}.") from error


def check_payment(body: PaymentBody, our_id: str, terms: Sequence[Terms]) -> None:
    """Whether a payment notice is for us and its sums are right; ``terms`` are of its parts, in order."""
    _require(body.payee_id == our_id, "the payee is another node")
    _require(bool(_HASH.fullmatch(body.transaction_hash)), "the transaction hash is none")
    _require(0 < len(body.parts) <= MOST_PARTS, "it has no parts, or too many")
    for part, its_terms in zip(body.parts, terms, strict=True):
        by_voucher = is_voucher(its_terms.platform)
        _require(
            by_voucher == (body.voucher is not None), f"the agreement's platform is {its_terms.platform}"
        )
        _require(by_voucher == is_voucher(body.platform), f"the agreement's platform is {its_terms.platform}")
        _require(its_terms.provider_id == our_id, "we are not the provider of the agreement")
        _require(its_terms.requestor_id == body.payer_id, "the payer is not the agreement's requestor")
        _require(its_terms.payee_addr == body.payee_addr, f"the agreement's payee is {its_terms.payee_addr}")
        _require(its_terms.payer_addr == body.payer_addr, f"the agreement's payer is {its_terms.payer_addr}")
        _check_amount(part.amount)
    total = add_up(part.amount for part in body.parts)
    _require(total == body.amount, f"its parts add up to {total:f} GLM, not {body.amount:f}")


def check_receipt(body: PaymentBody, receipt: Receipt, counted: Sequence[PaymentRecord]) -> None:
    """Whether the transaction really moves the amount from payer to payee, beside what was counted before.

    Args:
        body: the notice.
        receipt: of its transaction, with enough confirmations; its transfers are those of the token.
        counted: payments that were believed by the same transaction.
    """
    _require(receipt.succeeded, "the transaction has failed")
    moved = sum(
        each.amount
        for each in receipt.transfers
        if each.sender == body.payer_addr and each.receiver == body.payee_addr
    )
    used = sum(to_wei(each.amount) for each in counted if each.payee_addr == body.payee_addr)
    needed = used + to_wei(body.amount)
    _require(moved >= needed, f"the transaction moves {moved} wei to us, {needed} are claimed of it")


def _require(holds: bool, why: str) -> None:
    if not holds:
        raise Refused(f"Refused: {why}.")
