"""The errors a user sees: what happened, why, what to do next, and the ids involved."""

from __future__ import annotations


class GolemError(Exception):
    """Base of every error that is meant for a person.

    Args:
        what: one sentence, what happened.
        why: what it means, with the facts that are known.
        next_step: what the reader can do about it.
        **ids: ids of the documents involved (``demand_id=...``).
    """

    def __init__(self, what: str, *, why: str = "", next_step: str = "", **ids: str) -> None:
        self.what = what
        self.why = why
        self.next_step = next_step
        self.ids = ids
        super().__init__(what)

    def __str__(self) -> str:
        named = " ".join(f"{name}={value}" for name, value in self.ids.items())
        parts = [part for part in (self.what, self.why, self.next_step) if part]
        ended = [part if part[-1] in ".!?:;" else f"{part}." for part in parts[:-1]] + parts[-1:]
        return " ".join([*ended, *([f"({named})"] if named else [])])

    def lines(self) -> list[str]:
        """The message as ``error:``, ``why:`` and ``hint:`` lines for a terminal."""
        labelled = [("error", self.what), ("why", self.why), ("hint", self.next_step)]
        named = [f"{name}: {value}" for name, value in self.ids.items()]
        return [f"{label}: {text}" for label, text in labelled if text] + named
