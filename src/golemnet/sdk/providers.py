"""What is known of providers from earlier runs: how reliable, quick and dear they were; who is blocked."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import msgspec

from golemnet.errors import GolemError
from golemnet.file_locks import lock
from golemnet.requestor.home import home

# A dispute weighs as much as so many failures: a wrong result is worse than none.
DISPUTE_WEIGHT = 10
# How much is thought of somebody new: as if two of two calls had gone well.
BENEFIT = 2
MAX_KNOWN = 10_000
IS_ID = re.compile("0x[0-9a-f]{40}")
# Of an id that is not given in whole, and of those that fit.
LEAST_OF_ID, MAX_TOLD = 4, 5


class Provider(msgspec.Struct):
    """A provider as we have known it; ``speed`` is 1 for what is usual, and more for what is quicker.

    ``spent`` is in GLM, ``seconds`` were spent on its calls, ``why`` says why it is blocked.
    """

    provider_id: str
    name: str = ""
    done: int = 0
    failed: int = 0
    disputes: int = 0
    seconds: float = 0.0
    spent: Decimal = Decimal(0)
    speed: float = 1.0
    last: datetime | None = None
    is_blocked: bool = False
    why: str = ""

    @property
    def reliability(self) -> float:
        """The share of calls that go well, as far as is known."""
        bad = self.failed + DISPUTE_WEIGHT * self.disputes
        return (self.done + BENEFIT) / (self.done + BENEFIT + bad)

    @property
    def per_hour(self) -> Decimal | None:
        """What an hour of its work has cost, in GLM."""
        return self.spent / Decimal(str(self.seconds)) * 3600 if self.seconds > 1 else None

    def learn(self, other: Provider) -> None:
        """Add what was seen in a run."""
        weight = min(other.done / max(self.done + other.done, 1), 1.0)
        self.speed += (other.speed - self.speed) * weight
        self.name = other.name or self.name
        self.done += other.done
        self.failed += other.failed
        self.disputes += other.disputes
        self.seconds += other.seconds
        self.spent += other.spent
        self.last = datetime.now(UTC)


Known = dict[str, Provider]
_decoder = msgspec.json.Decoder(list[Provider])


def known_providers() -> Known:
    """Everybody that was met, by id; what cannot be read is as if it were not there."""
    try:
        found = _decoder.decode(_path().read_bytes())
    except (OSError, msgspec.MsgspecError):
        return {}
    return {each.provider_id: each for each in found}


def learn(seen: Mapping[str, Provider]) -> None:
    """Add what a run has seen."""
    _change(lambda known: [_of(known, each.provider_id).learn(each) for each in seen.values()])


def block(provider: str, why: str) -> Provider:
    """Have nothing to do with a provider any more: an id, the beginning of a known one, or a name.

    Raises:
        GolemError: nobody fits, or more than one.
    """
    return _mark(provider, True, why)


def allow(provider: str) -> Provider:
    """Forgive a provider, likewise: it is no longer blocked, and its disputes are forgotten."""
    return _mark(provider, False, "")


def _mark(text: str, is_blocked: bool, why: str) -> Provider:
    marked: list[Provider] = []

    def change(known: Known) -> None:
        provider = _of(known, _find(known, text))
        provider.is_blocked, provider.why = is_blocked, why
        provider.disputes = provider.disputes if is_blocked else 0
        marked.append(provider)

    _change(change)
    return marked[0]


def _find(known: Known, text: str) -> str:
    """The id that is meant. Raises GolemError."""
    start = text.lower().rstrip("….")
    if IS_ID.fullmatch(start):
        return start
    fits = [each for each in known.values() if each.name == text or _begins(each.provider_id, start)]
    if len(fits) == 1:
        return fits[0].provider_id
    if not fits:
        raise GolemError(
            f"{text[:80]!r} is no provider's name, and no beginning of an id.",
            next_step="`golem providers` shows those that are known; of others the whole id is needed.",
        )
    told = [f"{each.name} {each.provider_id}" for each in fits[:MAX_TOLD]]
    raise GolemError(
        f"{text[:80]!r} is not one provider: {len(fits)} fit.",
        why=f"{', '.join(told)}{' and others' if len(fits) > MAX_TOLD else ''}.",
        next_step="Give more of the id.",
    )


def _begins(provider_id: str, start: str) -> bool:
    return len(start) >= LEAST_OF_ID and provider_id.startswith(start)


def _of(known: Known, provider_id: str) -> Provider:
    return known.setdefault(provider_id, Provider(provider_id))


def _change(change: Callable[[Known], object]) -> None:
    """Read, change and write while no other process does; a crash leaves the old or the new file."""
    path = _path()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with path.with_suffix(".lock").open("w") as held:
        lock(held)
        known = known_providers()
        change(known)
        latest = sorted(known.values(), key=_importance, reverse=True)[:MAX_KNOWN]
        new = path.with_suffix(".new")
        new.write_bytes(msgspec.json.encode(latest))
        os.replace(new, path)


def _importance(provider: Provider) -> tuple[bool, datetime]:
    return provider.is_blocked, provider.last or datetime.fromtimestamp(0, UTC)


def _path() -> Path:
    return home() / "providers.json"
