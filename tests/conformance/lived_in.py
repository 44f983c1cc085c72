"""Two daemons that have done business with each other: requests to them meet documents of every kind."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

from deal import Sides, agree, doors, propose, publish
from openapi_contract import Contract
from paid_work import allocate, claim_by_notes, debit_note, invoice, work

from golemnet.testing.processes import DaemonProcess

REFUSED = {400, 401, 403, 404, 405, 409, 410, 413}
"""A request that is answered so must have changed nothing; one that waited for too short a time may have."""


class Writes:
    """Tells whether a daemon has written to its database."""

    def __init__(self, daemon: DaemonProcess) -> None:
        self._connection = sqlite3.connect(f"file:{daemon.database}?mode=ro", uri=True)

    def count(self) -> int:
        """A number that is another one after each write of somebody else."""
        return self._connection.execute("PRAGMA data_version").fetchone()[0]


class LivedIn(NamedTuple):
    """The daemons, and the ids that they know, by path parameter."""

    requestor: DaemonProcess
    provider: DaemonProcess
    known: Mapping[str, list[str]]


async def live_in(contract: Contract, requestor: DaemonProcess, provider: DaemonProcess) -> LivedIn:
    """Do business, and leave something of it open."""
    async with doors(contract, (requestor, provider)) as sides:
        await _one_deal(sides)
        await _open_ends(sides)
        known: defaultdict[str, set[str]] = defaultdict(set)
        for door in (sides.requestor, sides.provider):
            for parameter, ids in door.known.items():
                known[parameter] |= ids
    return LivedIn(requestor, provider, {name: sorted(ids) for name, ids in known.items()})


async def _one_deal(sides: Sides) -> None:
    """Up to an invoice and a debit note that wait for their acceptance."""
    allocation_id, properties = await allocate(sides)
    agreement_id = await agree(sides, **properties)
    activity_id = await work(sides, agreement_id)
    await claim_by_notes(sides, activity_id, allocation_id)
    await debit_note(sides, activity_id)
    await invoice(sides, {"agreementId": agreement_id, "activityIds": [activity_id], "amount": "0.10015"})
    for door in (sides.requestor, sides.provider):
        [payment] = await door("payment-api:getPayments", timeout=10)
        await door("payment-api:getPayment", payment["paymentId"])


async def _open_ends(sides: Sides) -> None:
    """An agreement that waits for its approval, subscriptions, a proposal, a scan."""
    await propose(sides)
    offer_id, demand_id, _ = await publish(sides)
    await sides.provider("market-api:collectDemands", offer_id, timeout=0)
    [found, *_] = await sides.requestor("market-api:collectOffers", demand_id, timeout=10)
    await sides.requestor("market-api:getProposalOffer", demand_id, found["proposal"]["proposalId"])
    scan_id = await sides.requestor("market-api:beginScan", body={"type": "offer"})
    await sides.requestor("market-api:collectScanResults", scan_id, timeout=0)
