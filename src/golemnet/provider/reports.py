"""What an owner sees of an agent: rows for tables and JSON. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from golemnet.provider.keystore import Entry
from golemnet.provider.outbound import OutboundRules
from golemnet.provider.presets import Preferences
from golemnet.provider.records import AgreementRecord
from golemnet.provider.rules import Rules, kind_of
from golemnet.provider.states import State
from golemnet.provider.whitelist import Whitelist
from golemnet.runtime.self_test import VPN, SelfTest

Cell = str | int | float | bool | Decimal | datetime | None
Row = dict[str, Cell]
_OWED = (State.INVOICED, State.ACCEPTED)


def preset_rows(preferences: Preferences) -> list[Row]:
    """A row for each preset; prices in GLM."""
    return [
        {
            "preset": preset.name,
            "active": preset.name in preferences.active,
            "GLM/hour": preset.per_hour,
            "GLM/cpu hour": preset.per_cpu_hour,
            "GLM/start": preset.start,
            "GLM/unit": ", ".join(f"{name}={price}" for name, price in preset.per_unit.items()),
        }
        for preset in preferences.presets
    ]


def access_rows(rules: Rules) -> list[Row]:
    """A row for each requestor or image that something was decided about."""
    decided = [(name, "allowed") for name in rules.allowed] + [(name, "denied") for name in rules.denied]
    return [{"kind": kind_of(name), "name": name, "access": access} for name, access in decided]


def certificate_rows(entries: Iterable[Entry], rules: OutboundRules) -> list[Row]:
    """A row for each certificate that is trusted."""
    given = {**rules.audited_payload, **rules.partner}
    return [
        {
            "id": entry.id,
            "kind": entry.kind,
            "subject": entry.subject,
            "not after": entry.not_after,
            "rule": given[entry.id].mode.value if entry.id in given else "",
        }
        for entry in entries
    ]


def domain_rows(whitelist: Whitelist) -> list[Row]:
    """A row for each domain that everybody may reach."""
    return [{"id": each.id, "domain": each.domain, "match": each.match} for each in whitelist.patterns]


def rule_rows(rules: OutboundRules) -> list[Row]:
    """A row for each rule about the internet."""
    rows: list[Row] = [_rule_row("everyone", rules.everyone.value, "", rules)]
    for name, certificates in (("audited-payload", rules.audited_payload), ("partner", rules.partner)):
        rows += [_rule_row(name, rule.mode.value, each, rules) for each, rule in certificates.items()]
    return rows


def _rule_row(name: str, mode: str, certificate: str, rules: OutboundRules) -> Row:
    return {"rule": name, "mode": mode, "certificate": certificate, "enabled": rules.enabled}


def isolation_facts(tested: SelfTest | None) -> Row:
    """Which isolation is sold, and what works beyond it, as the agent's last start has found by trying."""
    if tested is None:
        return {"runtime": None, "isolation": "not tested yet", "capabilities": None}
    return {
        "runtime": tested.driver,
        "isolation": tested.isolation or "none works here",
        "capabilities": ", ".join(tested.capabilities) or tested.problems.get(VPN) or "none",
    }


def history_rows(records: Iterable[AgreementRecord]) -> list[Row]:
    """A row for each agreement, oldest first; amounts in GLM."""
    return [
        {
            "agreement": record.agreement_id,
            "approved": record.approved_at,
            "requestor": record.requestor_name or record.requestor_id,
            "activities": len(record.costs),
            "state": record.state.value,
            "amount": record.amount if record.amount is not None else record.cost,
            "transaction": ", ".join(record.transactions),
        }
        for record in records
    ]


def totals(records: Iterable[AgreementRecord]) -> Row:
    """Earnings over all agreements, in GLM."""
    known = list(records)
    return {
        "agreements": len(known),
        "running": sum(record.state is State.OPEN for record in known),
        "paid": _sum(known, (State.SETTLED,)),
        "owed": _sum(known, _OWED),
        "refused": _sum(known, (State.REJECTED,)),
    }


def _sum(records: Iterable[AgreementRecord], states: tuple[State, ...]) -> Decimal:
    return sum((record.amount or Decimal(0) for record in records if record.state in states), Decimal(0))
