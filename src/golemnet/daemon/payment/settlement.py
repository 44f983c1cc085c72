"""Marks the claims that payments cover as settled; the same on both sides."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from golemnet.daemon.payment import amounts, claim_store, order_store
from golemnet.daemon.payment.states import Event


def settle(connection: Connection, agreement_id: str, now: datetime) -> int:
    """Settle the claims of an agreement that its stored payments cover; how many."""
    claims = claim_store.of_agreement(connection, agreement_id)
    covered = amounts.settled_by(claims, order_store.parts_of_agreement(connection, agreement_id))
    for claim in covered:
        claim_store.take_step(connection, claim, Event.PAID, now)
    return len(covered)
