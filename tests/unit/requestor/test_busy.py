"""Providers that work for another script of the same node have no offer, and are named."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from requestor_doors import NOW

from golemnet.requestor.busy import busy_elsewhere
from golemnet.rest.market import AgreementListEntry, Demand, Offer


class Node:
    """Agreements with these providers, each of which may go on for so many minutes."""

    def __init__(self, minutes: dict[str, int], role: str = "Requestor"):
        self._minutes, self._role = minutes, role
        self.market = self

    async def list_agreements(self, *, state):
        assert state == "Approved"
        return [AgreementListEntry(id=name, timestamp=NOW, role=self._role) for name in self._minutes]

    async def get_agreement(self, agreement_id):
        end = (NOW + timedelta(minutes=self._minutes[agreement_id])).timestamp() * 1000
        common = {"constraints": "()", "timestamp": NOW}
        demand = Demand(
            demand_id="d", requestor_id="0xme", properties={"golem.srv.comp.expiration": end}, **common
        )
        offer = Offer(
            offer_id="o", provider_id="0x", properties={"golem.node.id.name": agreement_id}, **common
        )
        return SimpleNamespace(demand=demand, offer=offer)


@pytest.mark.parametrize(
    ("node", "said"),
    [
        (Node({}), ""),
        (Node({"mine": 5}), ""),
        (Node({"over": -1}), ""),
        (Node({"ann": 5}, role="Provider"), ""),
        (
            Node({"bob": 5, "mine": 5, "ann": 60, "over": -1}),
            "2 providers (ann, bob) work for other scripts of this node, for at most 60 minutes more",
        ),
        (
            Node({"ann": 1}),
            "1 provider (ann) works for other scripts of this node, for at most 1 minute more",
        ),
        (
            Node(dict.fromkeys("abcd", 5)),
            "4 providers (a, b, c, ...) work for other scripts of this node, for at most 5 minutes more",
        ),
    ],
)
async def test_who_works_for_other_scripts(node, said):
    assert await busy_elsewhere(node, {"mine"}, NOW) == said
