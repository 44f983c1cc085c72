"""What can go wrong with a chain.

ChainError
├── NoChain             no chain is configured
├── ChainUnreachable    its node does not answer
├── GasTooDear          gas costs more than the chain file allows
├── WrongChain          its node serves another chain
├── RpcRefused          its node answers with an error
│   ├── NonceTaken      another transaction stands in this one's place
│   ├── FeeTooLow       the blocks cost more than it offers
│   ├── AlreadyKnown    the node has this very transaction
│   └── WouldRevert     the contract would refuse it
├── NotConfirmed        not confirmed before the deadline
└── Reverted            mined, and refused by the contract
"""

from __future__ import annotations

from golemnet.errors import GolemError


class ChainError(GolemError):
    """Base of the errors of this package."""


class NoChain(ChainError):
    """This node has no chain to pay on."""


class ChainUnreachable(ChainError):
    """The chain's node does not answer; whatever was asked may be tried again."""


class WrongChain(ChainError):
    """The endpoint serves another chain than the chain file says; nothing is done there."""


class GasTooDear(ChainError):
    """Gas costs more than the chain file allows; what was to be sent waits."""


class RpcRefused(ChainError):
    """The chain's node answered with an error; ``code`` is the one of JSON-RPC."""

    def __init__(self, what: str, *, code: int = 0, **more: str) -> None:
        self.code = code
        super().__init__(what, **more)


class NonceTaken(RpcRefused):
    """Another transaction of this account has been mined under the nonce, or replaces this one."""


class FeeTooLow(RpcRefused):
    """The transaction offers less for gas than the next block costs."""


class AlreadyKnown(RpcRefused):
    """The node has the transaction already."""


class WouldRevert(RpcRefused):
    """The contract would refuse the transaction as things stand; it was not sent."""


class NotConfirmed(ChainError):
    """The transaction was sent and is not confirmed yet; it stays stored and may be waited for again."""


class Reverted(ChainError):
    """The transaction was mined and the contract refused it; nothing has moved but its fee."""


# The codes differ between implementations, and one code stands for many reasons: only the texts tell.
_BY_TEXT: tuple[tuple[str, type[RpcRefused]], ...] = (
    ("nonce too low", NonceTaken),
    ("replacement transaction underpriced", NonceTaken),
    ("less than block base fee", FeeTooLow),
    ("already known", AlreadyKnown),
    ("already imported", AlreadyKnown),
    ("execution reverted", WouldRevert),
)


def refusal(method: str, code: int, message: str) -> RpcRefused:
    """The error for a JSON-RPC error answer."""
    lowered = message.lower()
    kind = next((kind for text, kind in _BY_TEXT if text in lowered), RpcRefused)
    return kind(f"The chain refused {method}: {message[:500]}.", code=code)
