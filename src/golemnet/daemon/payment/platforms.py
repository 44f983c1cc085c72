"""Payment platforms: the names under which clients of different years ask for one and the same chain.

A name is ``driver-network-token``. Published clients carry the name of the test network of their time in
their defaults and refuse anything else, so a test chain answers to all of them. The driver ``voucher`` pays
by signed vouchers instead of transactions, where the chain has the contract for it.
"""

from __future__ import annotations

import msgspec

from golemnet.rest.errors import BadRequest
from golemnet.rest.payment import PaymentPlatform, PlatformEntry

DEFAULT_PLATFORM = "erc20-holesky-tglm"
VOUCHER = "voucher"
VOUCHER_PLATFORM = "voucher-local-tglm"
_TEST_NAMES = (
    DEFAULT_PLATFORM,
    "erc20-local-tglm",
    "erc20-hoodi-tglm",
    "erc20-goerli-tglm",
    "erc20-rinkeby-tglm",
    "zksync-rinkeby-tglm",
)


class Platform(msgspec.Struct, frozen=True):
    """A platform by its parts."""

    driver: str
    network: str
    token: str

    @property
    def name(self) -> str:
        """``driver-network-token``."""
        return f"{self.driver}-{self.network}-{self.token}"


def parse_platform(name: str) -> Platform:
    """The platform called ``name``. Raises BadRequest if that is not three lower-case parts."""
    parts = name.split("-")
    if len(parts) != 3 or not all(parts) or name != name.lower():
        raise BadRequest(f"{name[:80]!r} is not the name of a payment platform (driver-network-token).")
    return Platform(*parts)


def is_voucher(platform: str) -> bool:
    """Whether the platform of this name pays by vouchers."""
    return platform.partition("-")[0] == VOUCHER


class Platforms:
    """The platforms of a node, all on one chain. ``network`` is the chain's own name (``local``)."""

    def __init__(self, network: str = "local") -> None:
        own = f"erc20-{network}-tglm"
        names = _TEST_NAMES if own in _TEST_NAMES else (*_TEST_NAMES, own)
        self.names = (*names, VOUCHER_PLATFORM)
        self.all = tuple(parse_platform(name) for name in self.names)

    def choose(self, wanted: str | PaymentPlatform | None) -> str:
        """The name of the platform that a request means; the default for None.

        Raises:
            BadRequest: this node has no such platform; the error lists those that it has.
        """
        if wanted is None or wanted == "":
            return DEFAULT_PLATFORM
        fits = [each.name for each in self.all if _fits(each, wanted)]
        if not fits:
            raise BadRequest(
                f"This node cannot pay on {_text(wanted)!r}.",
                next_step=f"Choose one of {', '.join(self.names)}.",
            )
        return fits[0]

    def entries(self) -> list[PlatformEntry]:
        """All of them for a list."""
        return [
            PlatformEntry(
                driver=each.driver,
                network=each.network,
                token=each.token,
                platform=each.name,
                default=each.name == DEFAULT_PLATFORM,
            )
            for each in self.all
        ]


def _fits(platform: Platform, wanted: str | PaymentPlatform) -> bool:
    if isinstance(wanted, str):
        return platform.name == wanted
    return all(
        value in (None, "", getattr(platform, name)) for name, value in msgspec.structs.asdict(wanted).items()
    )


def _text(wanted: str | PaymentPlatform) -> str:
    if isinstance(wanted, str):
        return wanted[:80]
    return "-".join(str(each or "*") for each in msgspec.structs.astuple(wanted))[:80]
