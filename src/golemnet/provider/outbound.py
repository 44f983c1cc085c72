"""Who may have the internet: what an owner has decided, as data, and what follows for a demand.

A demand that asks for it is served if one of three rules says so: that for everybody, that for the
certificate by which its manifest is signed, that for the partner who has described the requestor's node.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import msgspec
from cryptography import x509

from golemnet.errors import GolemError
from golemnet.model import names
from golemnet.model.manifest import Manifest, Outbound, read_manifest
from golemnet.model.properties import expand
from golemnet.provider.node_descriptors import read_descriptor
from golemnet.provider.whitelist import Whitelist
from golemnet.provider.x509_certificates import signers

INET: Final = "inet"


class Mode(StrEnum):
    """How much a rule gives."""

    ALL = "all"
    WHITELIST = "whitelist"
    NONE = "none"


class CertificateRule(msgspec.Struct, frozen=True):
    """What a certificate gives."""

    mode: Mode
    description: str = ""


class OutboundRules(msgspec.Struct, frozen=True, rename="kebab"):
    """The owner's decisions; certificates by their ids."""

    enabled: bool = True
    everyone: Mode = Mode.WHITELIST
    audited_payload: dict[str, CertificateRule] = msgspec.field(default_factory=dict[str, CertificateRule])
    partner: dict[str, CertificateRule] = msgspec.field(default_factory=dict[str, CertificateRule])

    def without(self, certificate: str) -> OutboundRules:
        """With no rule about a certificate."""
        audited, partner = dict(self.audited_payload), dict(self.partner)
        audited.pop(certificate, None)
        partner.pop(certificate, None)
        return msgspec.structs.replace(self, audited_payload=audited, partner=partner)


class Policy(msgspec.Struct, frozen=True):
    """The decisions, with what they refer to.

    ``is_possible`` is whether this machine can give an activity a way out at all.
    """

    rules: OutboundRules = OutboundRules(enabled=False)
    whitelist: Whitelist = Whitelist()
    certificates: Sequence[x509.Certificate] = ()
    is_possible: bool = False

    def objection(self, requestor_id: str, demand: Mapping[str, Any], now: datetime) -> str:
        """Why a demand with these flat properties does not get what it asks for; empty if it does."""
        try:
            manifest = read_manifest(demand)
        except ValueError as error:
            return f"The manifest cannot be read: {error}"[:500]
        if manifest is None or manifest.outbound is None:
            return ""
        if not (self.is_possible and self.rules.enabled):
            return "This provider gives no way to the internet."
        reasons: list[str] = []
        for name, rule in (
            ("everyone", self._everyone),
            ("audited payload", self._audited),
            ("partner", self._partner),
        ):
            try:
                rule(_Case(requestor_id, demand, manifest, manifest.outbound, now))
                return ""
            except (ValueError, GolemError) as error:
                reasons.append(f"{name}: {error}")
        return f"No rule of the provider's owner gives this way to the internet ({'; '.join(reasons)})."[
            :1500
        ]

    def _everyone(self, case: _Case) -> None:
        self._check(self.rules.everyone, case.outbound)

    def _audited(self, case: _Case) -> None:
        demand = case.demand
        if names.MANIFEST_SIGNATURE not in demand:
            raise ValueError("the manifest is not signed")
        if not case.manifest.holds_at(case.now):
            raise ValueError("the manifest has expired, or does not hold yet")
        found = signers(
            str(demand[names.PAYLOAD_MANIFEST]),
            str(demand[names.MANIFEST_SIGNATURE]),
            str(demand.get(names.MANIFEST_SIGNATURE_ALGORITHM, "")),
            str(demand.get(names.MANIFEST_CERTIFICATE, "")),
            self.certificates,
            case.now,
        )
        self._check(_mode(self.rules.audited_payload, found), case.outbound)

    def _partner(self, case: _Case) -> None:
        prefix = f"{names.NODE_DESCRIPTOR}."
        flat = {
            name.removeprefix(prefix): value for name, value in case.demand.items() if name.startswith(prefix)
        }
        if not flat:
            raise ValueError("the requestor's node is not described by a partner")
        descriptor = read_descriptor(expand(flat), case.now)
        if descriptor.node_id != case.requestor_id.lower():
            raise ValueError("the descriptor is that of another node")
        if not descriptor.permits(case.outbound):
            raise ValueError("the descriptor does not permit it")
        self._check(_mode(self.rules.partner, descriptor.certificates), case.outbound)

    def _check(self, mode: Mode, outbound: Outbound) -> None:
        """Raise ValueError if ``mode`` gives less than ``outbound``."""
        if mode is Mode.NONE:
            raise ValueError("nothing is given")
        if mode is Mode.ALL:
            return
        if outbound.unrestricted:
            raise ValueError("only the domains of a list are given")
        strange = sorted({place.host for place in outbound.places if place.host not in self.whitelist})
        if strange:
            raise ValueError(f"not on the provider's list of domains: {', '.join(strange)}")


class _Case(msgspec.Struct, frozen=True):
    """One demand that asks for the internet."""

    requestor_id: str
    demand: Mapping[str, Any]
    manifest: Manifest
    outbound: Outbound
    now: datetime


def _mode(rules: Mapping[str, CertificateRule], chain: Sequence[str]) -> Mode:
    """That of the rule for the first certificate that has one. Raises ValueError if none has."""
    for certificate in chain:
        if certificate in rules:
            return rules[certificate].mode
    raise ValueError("there is no rule for its certificates")
