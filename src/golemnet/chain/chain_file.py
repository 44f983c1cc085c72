"""The file that says where a chain is and what is deployed on it; ``GOLEM_CHAIN_FILE`` names it."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from golemnet.chain.errors import NoChain

MOST_PAYMENTS = 256


class FaucetAccount(msgspec.Struct, frozen=True):
    """An account that the chain's node itself signs for, and that gives to anybody who asks."""

    address: str
    gas_wei: int = 10**19


class ChainFile(msgspec.Struct, frozen=True):
    """A chain and its contracts. Addresses are hex with 0x; ``faucet`` is there on test chains only.

    ``more_rpc_urls`` are asked when ``rpc_url`` does not answer. ``max_fee_wei`` is the most that a unit of
    gas may cost; above it payments wait. ``most_payments`` is how many payees one transaction may have: as
    many as the contract takes and a block has gas for. ``vouchers`` and ``deposits`` are the contracts
    of the voucher platform and of deposits that others fund, where there are such.
    """

    rpc_url: str
    chain_id: int
    token: str
    multi_transfer: str
    network: str = "local"
    confirmations: int = 1
    faucet: FaucetAccount | None = None
    more_rpc_urls: tuple[str, ...] = ()
    max_fee_wei: int | None = None
    most_payments: int = MOST_PAYMENTS
    vouchers: str | None = None
    deposits: str | None = None

    @property
    def endpoints(self) -> tuple[str, ...]:
        """All endpoints, in the order in which they are tried."""
        return (self.rpc_url, *self.more_rpc_urls)


def read_chain_file(path: Path) -> ChainFile:
    """The chain described by the JSON file at ``path``.

    Raises:
        NoChain: there is no such file, or it says something else.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=ChainFile)
    except (OSError, msgspec.DecodeError) as error:
        raise NoChain(
            f"The chain file {path} cannot be read.",
            why=str(error),
            next_step="Start a chain (golem chain run), or set GOLEM_CHAIN_FILE to the file of one.",
        ) from error


def write_chain_file(path: Path, chain: ChainFile) -> None:
    """Write ``chain`` to ``path`` so that a reader sees all of it or nothing."""
    part = path.with_suffix(".part")
    part.write_bytes(msgspec.json.format(msgspec.json.encode(chain)) + b"\n")
    os.replace(part, path)
