"""Which providers belong to one owner: those that want to be paid at the same address. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

PREFIX, SUFFIX = "golem.com.payment.platform.", ".address"
MAX_KNOWN = 10_000


class Owners:
    """Learns from offers who is whose. Nobody can hide by this behind another: to claim somebody else's
    address is to be paid nothing."""

    def __init__(self) -> None:
        self._owner: dict[str, str] = {}
        self._providers: dict[str, set[str]] = {}

    def learn(self, provider_id: str, properties: Mapping[str, Any]) -> None:
        """An offer says where its provider wants to be paid."""
        owner = _address(properties)
        if owner and provider_id not in self._owner and len(self._owner) < MAX_KNOWN:
            self._owner[provider_id] = owner
            self._providers.setdefault(owner, set()).add(provider_id)

    def siblings(self, provider_id: str) -> Collection[str]:
        """The providers of the same owner, itself among them."""
        return self._providers.get(self._owner.get(provider_id, ""), (provider_id,))


def _address(properties: Mapping[str, Any]) -> str:
    found = sorted(
        str(value).lower()
        for name, value in properties.items()
        if name.startswith(PREFIX) and name.endswith(SUFFIX)
    )
    return found[0] if found else ""
