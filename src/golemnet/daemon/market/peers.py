"""The market's messages between nodes: which handler takes each, and what follows from each answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from golemnet.daemon.market.agreement_receiver import AgreementReceiver
from golemnet.daemon.market.messages import (
    AGREEMENT_APPROVED,
    AGREEMENT_ENDED,
    AGREEMENT_PROPOSED,
    BUSY,
    PROPOSAL,
    PROPOSAL_REJECTED,
    REFUSED,
    pack,
    unpack,
)
from golemnet.daemon.market.negotiation import Negotiation
from golemnet.daemon.market.outgoing import Follow, ignore
from golemnet.daemon.market.proposal_receiver import ProposalReceiver
from golemnet.errors import GolemError
from golemnet.model.documents import Signed
from golemnet.model.node_id import NodeId
from golemnet.net.errors import NetError, RemoteError
from golemnet.net.network import Network

Take = Callable[[NodeId, Signed], Awaitable[Signed | None]]


def serve(
    network: Network,
    proposals: ProposalReceiver,
    agreements: AgreementReceiver,
    is_ready: Callable[[], bool],
) -> None:
    """Take the messages of other nodes from ``network``; before ``is_ready`` they are asked to come again."""
    takers: Mapping[str, Take] = {
        PROPOSAL: proposals.proposed,
        PROPOSAL_REJECTED: proposals.rejected,
        AGREEMENT_PROPOSED: agreements.proposed,
        AGREEMENT_APPROVED: agreements.approved,
        AGREEMENT_ENDED: agreements.ended,
    }
    for method, take in takers.items():
        network.handle(method, _handler(take, is_ready))


def _handler(take: Take, is_ready: Callable[[], bool]) -> Callable[[NodeId, bytes], Awaitable[bytes]]:
    async def handle(caller: NodeId, body: bytes) -> bytes:
        if not is_ready():
            raise RemoteError(BUSY, "The node is starting.")
        document = unpack(body, Signed)
        try:
            answer = await take(caller, document)
        except NetError:
            raise
        except (GolemError, ValueError) as error:
            raise RemoteError(REFUSED, str(error)) from error
        return b"" if answer is None else pack(answer)

    return handle


def follow_ups(negotiation: Negotiation, agreements: AgreementReceiver) -> dict[str, Follow]:
    """What follows when another node has taken or refused a message of ours."""

    async def committed(agreement_id: str, answer: bytes) -> None:
        try:
            await agreements.committed(agreement_id, answer)
        except NetError:
            raise
        except (GolemError, ValueError) as error:
            raise RemoteError(REFUSED, str(error)) from error

    return {
        PROPOSAL: Follow(ignore, negotiation.refused),
        AGREEMENT_PROPOSED: Follow(ignore, agreements.proposal_refused),
        AGREEMENT_APPROVED: Follow(committed, agreements.approval_refused),
    }
