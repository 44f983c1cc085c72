"""The files of an owner's decisions about the internet: rules, whitelist, certificates."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeVar

import msgspec

from golemnet.errors import GolemError
from golemnet.provider.keystore import Keystore
from golemnet.provider.outbound import OutboundRules, Policy
from golemnet.provider.settings import AgentSettings
from golemnet.provider.whitelist import Whitelist

T = TypeVar("T")


class _RulesFile(msgspec.Struct, frozen=True):
    outbound: OutboundRules = msgspec.field(default_factory=OutboundRules)


class OutboundStore:
    """What an owner has decided, in the data directory. Reading raises GolemError for a broken file."""

    def __init__(self, settings: AgentSettings) -> None:
        self._rules = settings.rules_file
        self._whitelist = settings.whitelist_file
        self.keystore = Keystore(settings.certificates)

    @property
    def rules(self) -> OutboundRules:
        """Who may have the internet; by default everybody the domains of the list."""
        return _load(self._rules, _RulesFile()).outbound

    @rules.setter
    def rules(self, rules: OutboundRules) -> None:
        _save(self._rules, _RulesFile(rules))

    @property
    def whitelist(self) -> Whitelist:
        """The domains for everybody."""
        return _load(self._whitelist, Whitelist())

    @whitelist.setter
    def whitelist(self, whitelist: Whitelist) -> None:
        _save(self._whitelist, whitelist)

    def policy(self, *, is_possible: bool) -> Policy:
        """All of it; ``is_possible`` is what the self-test has found."""
        try:
            certificates = self.keystore.x509()
        except (OSError, ValueError) as error:
            raise GolemError("A certificate cannot be read.", why=str(error)) from error
        return Policy(self.rules, self.whitelist, certificates, is_possible)


def _load(path: Path, default: T) -> T:
    if not path.exists():
        return default
    try:
        return msgspec.json.decode(path.read_bytes(), type=type(default))
    except (OSError, msgspec.DecodeError) as error:
        raise GolemError(
            f"{path} cannot be read.", why=str(error), next_step="Mend or remove the file."
        ) from error


def _save(path: Path, value: msgspec.Struct) -> None:
    """In one step: an agent may read it meanwhile."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_bytes(msgspec.json.format(msgspec.json.encode(value), indent=2))
    os.replace(fresh, path)
