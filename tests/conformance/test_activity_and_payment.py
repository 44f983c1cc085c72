"""Every operation of the activity and payment APIs: one activity of a provider who is paid for it."""

from __future__ import annotations

import pytest
from deal import Sides, agree
from paid_work import allocate, claim_by_invoices, claim_by_notes, look_at_payments, work


@pytest.mark.chain
async def test_every_operation(paying_sides: Sides, contract):
    sides = paying_sides
    allocation_id, properties = await allocate(sides)
    agreement_id = await agree(sides, **properties)
    activity_id = await work(sides, agreement_id)
    await claim_by_notes(sides, activity_id, allocation_id)
    await claim_by_invoices(sides, agreement_id, activity_id, allocation_id)
    await look_at_payments(sides, allocation_id)
    # There is no enclave on our providers.
    absent = {"activity-api:callEncrypted"}
    assert sides.done >= contract.of_api("activity-api", "payment-api") - absent
