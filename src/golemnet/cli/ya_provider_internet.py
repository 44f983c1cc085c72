"""``ya-provider keystore``, ``whitelist`` and ``rule``: who may have the internet from here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter
from msgspec.structs import replace

from golemnet.cli.output import show_rows
from golemnet.cli.ya_provider_local import settings_to_change
from golemnet.cli.ya_provider_options import AsJson, DataDir
from golemnet.errors import GolemError
from golemnet.provider.keystore import GOLEM, X509, Entry
from golemnet.provider.outbound import CertificateRule, Mode, OutboundRules
from golemnet.provider.outbound_store import OutboundStore
from golemnet.provider.reports import certificate_rows, domain_rows, rule_rows
from golemnet.provider.settings import settings_from
from golemnet.provider.whitelist import Domain

ModeOption = Annotated[Mode, Parameter(name=["--mode", "-m"])]

keystore = App(name="keystore", help="Certificates that you trust.")
whitelist = App(name="whitelist", help="Domains that activities of everybody may reach.")
rule = App(name="rule", help="Who may have the internet.")
_set = App(name="set", help="Change a rule; it holds from the agent's next start on.")
_outbound = App(name="outbound", help="The rules for connections to the internet.")
_audited = App(name="audited-payload", help="For manifests that are signed by a certificate (X.509).")
_partner = App(name="partner", help="For nodes that a partner has described by a Golem certificate.")
rule.command(_set)
_set.command(_outbound)
_outbound.command(_audited)
_outbound.command(_partner)


@keystore.command(name="list")
def list_certificates(*, data_dir: DataDir = None, json: AsJson = False) -> None:
    """All certificates that are trusted, and what they give.

    Args:
        data_dir: the agent's data (DATA_DIR).
        json: for programs.
    """
    store = _store(data_dir)
    _show_certificates(store, store.keystore.entries(), as_json=json)


@keystore.command(name="add")
def add_certificates(*files: Path, data_dir: DataDir = None, json: AsJson = False) -> None:
    """Trust certificates, or chains of them. They give nothing until a rule says so.

    Args:
        files: PEM, DER, or the JSON of Golem certificates.
        data_dir: the agent's data (DATA_DIR).
        json: for programs.
    """
    store = _store_to_change(data_dir)
    added = [entry for file in files for entry in store.keystore.add(file)]
    _show_certificates(store, added, as_json=json)


@keystore.command(name="remove")
def remove_certificates(*ids: str, data_dir: DataDir = None, json: AsJson = False) -> None:
    """Trust certificates no more, and forget the rules about them.

    Args:
        ids: beginnings of their ids.
        data_dir: the agent's data (DATA_DIR).
        json: for programs.
    """
    store = _store_to_change(data_dir)
    removed = [store.keystore.remove(each) for each in ids]
    for entry in removed:
        store.rules = store.rules.without(entry.id)
    _show_certificates(store, removed, as_json=json)


@whitelist.command(name="list")
def list_domains(*, data_dir: DataDir = None, json: AsJson = False) -> None:
    """The domains.

    Args:
        data_dir: the agent's data (DATA_DIR).
        json: for programs.
    """
    show_rows(domain_rows(_store(data_dir).whitelist), as_json=json, columns=("id", "domain", "match"))


@whitelist.command(name="add")
def add_domains(
    *names: str,
    patterns: Annotated[
        tuple[str, ...], Parameter(name=["--patterns", "-p"], consume_multiple=True, negative="")
    ] = (),
    match: Annotated[Literal["strict", "regex"], Parameter(name=["--type", "-t"])] = "strict",
    data_dir: DataDir = None,
) -> None:
    """Let everybody reach domains.

    Args:
        names: the domains.
        patterns: more of them.
        match: whether they are whole names, or patterns that are searched in names.
        data_dir: the agent's data (DATA_DIR).
    """
    store = _store_to_change(data_dir)
    known = store.whitelist
    for domain in (*names, *patterns):
        known = known.adding(Domain(domain, match))
    store.whitelist = known


@whitelist.command(name="remove")
def remove_domains(*ids: str, data_dir: DataDir = None) -> None:
    """Take domains away.

    Args:
        ids: as the list shows them.
        data_dir: the agent's data (DATA_DIR).
    """
    store = _store_to_change(data_dir)
    known = store.whitelist
    for each in ids:
        known = known.without(each)
    store.whitelist = known


@rule.command(name="list")
def list_rules(*, data_dir: DataDir = None, json: AsJson = False) -> None:
    """All rules. A demand is served if one of them gives what it asks for.

    Args:
        data_dir: the agent's data (DATA_DIR).
        json: for programs.
    """
    show_rows(rule_rows(_store(data_dir).rules), as_json=json)


@_outbound.command
def enable(*, data_dir: DataDir = None) -> None:
    """Give the internet, by the rules.

    Args:
        data_dir: the agent's data (DATA_DIR).
    """
    _change(data_dir, enabled=True)


@_outbound.command
def disable(*, data_dir: DataDir = None) -> None:
    """Give the internet to nobody, whatever the rules.

    Args:
        data_dir: the agent's data (DATA_DIR).
    """
    _change(data_dir, enabled=False)


@_outbound.command
def everyone(*, mode: ModeOption, data_dir: DataDir = None) -> None:
    """What everybody gets.

    Args:
        mode: all of the internet, the domains of the whitelist, or none.
        data_dir: the agent's data (DATA_DIR).
    """
    _change(data_dir, everyone=mode)


@_audited.command(name="cert-id")
def audited_by_id(certificate_id: str, *, mode: ModeOption, data_dir: DataDir = None) -> None:
    """What manifests get that a certificate of the keystore vouches for.

    Args:
        certificate_id: the beginning of its id.
        mode: all of the internet, the domains of the whitelist, or none.
        data_dir: the agent's data (DATA_DIR).
    """
    store = _store_to_change(data_dir)
    _audit(store, store.keystore.find(certificate_id), mode)


@_audited.command(name="import-cert")
def audited_by_file(file: Path, *, mode: ModeOption, data_dir: DataDir = None) -> None:
    """Trust a certificate, and say what manifests get that it vouches for.

    Args:
        file: the certificate; of a chain, the last one is meant.
        mode: all of the internet, the domains of the whitelist, or none.
        data_dir: the agent's data (DATA_DIR).
    """
    store = _store_to_change(data_dir)
    _audit(store, store.keystore.add(file)[0], mode)


@_partner.command(name="cert-id")
def partner_by_id(certificate_id: str, *, mode: ModeOption, data_dir: DataDir = None) -> None:
    """What nodes get that a partner has described.

    Args:
        certificate_id: the beginning of the id of the partner's certificate.
        mode: all of the internet, the domains of the whitelist, or none.
        data_dir: the agent's data (DATA_DIR).
    """
    store = _store_to_change(data_dir)
    _accept_partner(store, store.keystore.find(certificate_id), mode)


@_partner.command(name="import-cert")
def partner_by_file(file: Path, *, mode: ModeOption, data_dir: DataDir = None) -> None:
    """Trust a partner's certificate, and say what nodes get that it has described.

    Args:
        file: the partner's certificate.
        mode: all of the internet, the domains of the whitelist, or none.
        data_dir: the agent's data (DATA_DIR).
    """
    store = _store_to_change(data_dir)
    _accept_partner(store, store.keystore.add(file)[0], mode)


def _audit(store: OutboundStore, entry: Entry, mode: Mode) -> None:
    _require(entry, X509)
    known = store.rules
    rules = {**known.audited_payload, entry.id: CertificateRule(mode, entry.subject)}
    store.rules = replace(known, audited_payload=rules)


def _accept_partner(store: OutboundStore, entry: Entry, mode: Mode) -> None:
    _require(entry, GOLEM)
    known = store.rules
    store.rules = replace(known, partner={**known.partner, entry.id: CertificateRule(mode, entry.subject)})


def _require(entry: Entry, kind: str) -> None:
    if entry.kind != kind:
        raise GolemError(f"The certificate {entry.id[:8]} is a {entry.kind} one; a {kind} one is needed.")


def _change(data_dir: Path | None, *, enabled: bool | None = None, everyone: Mode | None = None) -> None:
    store = _store_to_change(data_dir)
    known: OutboundRules = store.rules
    store.rules = replace(
        known,
        enabled=known.enabled if enabled is None else enabled,
        everyone=everyone or known.everyone,
    )


def _show_certificates(store: OutboundStore, entries: Sequence[Entry], *, as_json: bool) -> None:
    columns = ("id", "kind", "subject", "not after", "rule")
    show_rows(certificate_rows(entries, store.rules), as_json=as_json, columns=columns)


def _store(data_dir: Path | None) -> OutboundStore:
    return OutboundStore(settings_from(data_dir=data_dir))


def _store_to_change(data_dir: Path | None) -> OutboundStore:
    return OutboundStore(settings_to_change(data_dir))
