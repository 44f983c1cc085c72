"""Who gets the internet, and what the others are told."""

from __future__ import annotations

import base64
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from golemnet.model.properties import flatten
from golemnet.provider.node_descriptors import certificate_ids
from golemnet.provider.outbound import CertificateRule, Mode, OutboundRules, Policy
from golemnet.provider.rules import Rules
from golemnet.provider.whitelist import Domain, Whitelist
from golemnet.provider.x509_certificates import certificate_id

sys.path.insert(0, str(Path(__file__).parent))

from certified import NOW, YEAR, Authority, Partner, authority, encoded, manifest

NODE, OTHER = "0x" + "a" * 40, "0x" + "b" * 40
CLOSED = "This provider gives no way to the internet."
LIST = Whitelist((Domain("a.example"),))
DESCRIPTOR = "golem.!exp.gap-31.v0.node.descriptor"


def objection(policy: Policy, demand: dict, requestor: str = NODE) -> str:
    return policy.objection(requestor, flatten(demand), NOW)


def everyone(mode: Mode) -> Policy:
    return Policy(OutboundRules(everyone=mode), LIST, (), True)


def demand(*urls: str, **more: object) -> dict:
    return {"golem.srv.comp.payload": manifest(urls), **more}


def test_what_asks_for_no_internet_is_nobodys_business():
    for asked in ({}, {"golem.srv.comp.payload": manifest(compManifest=None)}):
        assert objection(Policy(), asked) == ""


def test_what_is_no_manifest_is_told():
    assert objection(Policy(), {"golem.srv.comp.payload": "?"}).startswith("The manifest cannot be read")


@pytest.mark.parametrize(
    "policy",
    [
        Policy(),
        Policy(OutboundRules(enabled=False, everyone=Mode.ALL), LIST, (), True),
        Policy(OutboundRules(everyone=Mode.ALL), LIST, (), False),
    ],
)
def test_where_there_is_no_way_no_rule_helps(policy: Policy):
    assert objection(policy, demand("https://a.example")) == CLOSED


@pytest.mark.parametrize(
    ("mode", "urls", "words"),
    [
        (Mode.ALL, ["https://b.example"], ""),
        (Mode.ALL, [], ""),
        (Mode.WHITELIST, ["https://a.example/x", "http://A.example:81"], ""),
        (Mode.WHITELIST, ["https://a.example", "https://b.example"], "list of domains: b.example"),
        (Mode.WHITELIST, ["https://a.example.b.example"], "list of domains: a.example.b.example"),
        (Mode.WHITELIST, [], "only the domains of a list"),
        (Mode.NONE, ["https://a.example"], "nothing is given"),
    ],
)
def test_the_rule_for_everyone(mode: Mode, urls: list[str], words: str):
    found = objection(everyone(mode), demand(*urls))
    assert words in found
    assert bool(found) == bool(words)


def test_the_flat_form_is_held_to_the_same_rules():
    flat = {"golem.srv.comp.manifest.net.inet.out.urls": ["https://b.example"]}
    assert "b.example" in objection(everyone(Mode.WHITELIST), flat)


def test_domains_may_be_patterns():
    known = LIST.adding(Domain(r"^.*\.B\.example$", "regex"))
    assert "x.b.example" in known
    assert "x.b.example.com" not in known
    assert known.adding(Domain("a.example")).without(Domain("a.example").id).patterns == known.patterns[1:]


def signed(by: Authority, *certificates: Authority, algorithm: str = "sha256", **more: object) -> dict:
    text = manifest()
    return {
        "golem.srv.comp.payload": text,
        "golem.srv.comp.payload.sig": by.sign(text),
        "golem.srv.comp.payload.sig.algorithm": algorithm,
        "golem.srv.comp.payload.cert": encoded(*certificates),
        **more,
    }


ROOT = authority("root")
MIDDLE = authority("middle", ROOT)
SIGNER = authority("signer", MIDDLE, is_ca=False)


def auditing(
    trusted: Authority, rule: Authority | None = None, mode: Mode = Mode.ALL, everyone: Mode = Mode.NONE
) -> Policy:
    rules = {certificate_id((rule or trusted).certificate): CertificateRule(mode)}
    return Policy(OutboundRules(everyone=everyone, audited_payload=rules), LIST, (trusted.certificate,), True)


def test_who_is_vouched_for_by_a_trusted_certificate_gets_what_its_rule_gives():
    assert objection(auditing(ROOT), signed(SIGNER, ROOT, MIDDLE, SIGNER)) == ""
    assert objection(auditing(ROOT), signed(SIGNER, SIGNER, MIDDLE)) == ""
    assert objection(auditing(MIDDLE), signed(SIGNER, SIGNER)) == ""
    assert objection(auditing(SIGNER), signed(SIGNER, SIGNER)) == ""
    assert objection(auditing(ROOT, SIGNER), signed(SIGNER, SIGNER, MIDDLE)) == ""
    assert "nothing is given" in objection(auditing(ROOT, mode=Mode.NONE), signed(SIGNER, SIGNER, MIDDLE))


def test_a_key_may_be_of_rsa():
    signer = authority("signer", ROOT, key=rsa.generate_private_key(65537, 2048))
    assert objection(auditing(ROOT), signed(signer, signer)) == ""


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (demand("https://a.example"), "the manifest is not signed"),
        (signed(SIGNER, SIGNER), "not one that the provider's owner trusts"),  # who is between is missing
        (signed(MIDDLE, SIGNER, MIDDLE), "the signature does not fit"),
        (signed(SIGNER, SIGNER, MIDDLE, algorithm="md5"), "'md5' is not supported"),
        (
            {**signed(SIGNER, SIGNER, MIDDLE), "golem.srv.comp.payload": manifest(("https://c.example",))},
            "the signature does not fit",
        ),
        ({**signed(SIGNER, SIGNER, MIDDLE), "golem.srv.comp.payload.sig": "?"}, "audited payload: "),
        ({**signed(SIGNER, SIGNER, MIDDLE), "golem.srv.comp.payload.cert": "AAAA"}, "audited payload: "),
        ({**signed(SIGNER, SIGNER, MIDDLE), "golem.srv.comp.payload.cert": ""}, "audited payload: "),
    ],
)
def test_a_signature_that_does_not_count(asked: dict, words: str):
    assert words in objection(auditing(ROOT), asked)


def test_no_certificate_that_may_not_vouch_counts():
    below = authority("below", SIGNER, is_ca=False)
    old = authority("old", ROOT, ends=NOW - YEAR / 2)
    twin = authority("root")
    stranger = authority("stranger", twin)
    assert "trusts" in objection(auditing(ROOT), signed(below, below, SIGNER, MIDDLE))
    assert "expired" in objection(auditing(ROOT), signed(old, old))
    assert "trusts" in objection(auditing(ROOT), signed(stranger, stranger, twin))
    assert "no rule" in objection(auditing(ROOT, twin), signed(SIGNER, SIGNER, MIDDLE))


def test_a_signed_manifest_has_its_time():
    text = manifest(expiresAt="2026-05-31T00:00:00Z")
    asked = {
        **signed(SIGNER, SIGNER, MIDDLE),
        "golem.srv.comp.payload": text,
        "golem.srv.comp.payload.sig": SIGNER.sign(text, hashes.SHA256()),
    }
    assert "the manifest has expired" in objection(auditing(ROOT), asked)


def test_one_rule_is_enough():
    assert objection(auditing(ROOT, everyone=Mode.WHITELIST), demand("https://a.example")) == ""


TOP = Partner()


def partnered(top: Partner, mode: Mode = Mode.ALL) -> Policy:
    rules = {certificate_ids(top.document)[0]: CertificateRule(mode)}
    return Policy(OutboundRules(everyone=Mode.NONE, partner=rules), LIST, (), True)


def described(document: dict, *urls: str) -> dict:
    return demand(*urls, **{DESCRIPTOR: document})


@pytest.mark.parametrize(
    ("permissions", "urls", "is_given"),
    [
        ("all", [], True),
        ({"outbound": "unrestricted"}, ["https://b.example"], True),
        ({"outbound": {"urls": ["https://b.example/"]}}, ["https://b.example"], True),
        ({"outbound": {"urls": ["https://b.example/"]}}, ["https://a.example"], False),
        ({"outbound": {"urls": ["https://b.example/"]}}, [], False),
        ({"outbound": None, "other": 1}, ["https://b.example"], False),
    ],
)
def test_a_partner_says_what_a_node_may_do(permissions: object, urls: list[str], is_given: bool):
    asked = described(Partner(TOP).describe(NODE, permissions), *urls)
    assert (objection(partnered(TOP), asked) == "") is is_given


def test_what_the_owner_gives_a_partner_is_the_bound():
    asked = described(Partner(TOP).describe(NODE), "https://b.example")
    assert "list of domains: b.example" in objection(partnered(TOP, Mode.WHITELIST), asked)
    assert "no rule for its certificates" in objection(partnered(Partner()), asked)


def test_a_descriptor_is_of_one_node():
    assert "of another node" in objection(partnered(TOP), described(TOP.describe(NODE)), OTHER)
    assert objection(partnered(TOP), described(TOP.describe(NODE.upper().replace("X", "x")))) == ""


LIMITED = {"outbound": {"urls": ["https://b.example"]}}


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (Partner(TOP, keyUsage=["signManifest"]).describe(NODE), "may not sign such"),
        (Partner(Partner(TOP, keyUsage=["signNode"])).describe(NODE), "may not sign another"),
        (Partner(Partner(TOP, keyUsage=["signCertificate"])).describe(NODE), "more uses than it has"),
        (Partner(TOP, permissions=LIMITED).describe(NODE), "more than its signer's permissions"),
        (Partner(Partner(TOP, permissions=LIMITED)).describe(NODE), "more than its signer's permissions"),
        (
            TOP.describe(
                NODE, period={"notBefore": "2026-01-01T00:00:00Z", "notAfter": "2026-05-01T00:00:00Z"}
            ),
            "expired",
        ),
        (
            TOP.describe(
                NODE, period={"notBefore": "2025-01-01T00:00:00Z", "notAfter": "2027-01-01T00:00:00Z"}
            ),
            "longer",
        ),
        (
            {**TOP.describe(NODE), "signature": Partner().signature({"nodeId": NODE}, TOP.document)},
            "is wrong",
        ),
        ({**TOP.describe(NODE), "$schema": "another"}, "of another kind"),
        ({"nodeDescriptor": 1}, "partner: "),
        ({**TOP.describe(NODE), "signature": {"algorithm": 1}}, "partner: "),
    ],
)
def test_a_descriptor_that_does_not_count(document: dict, words: str):
    assert words in objection(partnered(TOP), described(document, "https://a.example"))


def test_no_chain_goes_on_for_ever():
    document = TOP.document
    for _ in range(200):
        document = {**document, "signature": {**document["signature"], "signer": document}}
    asked = {"golem.srv.comp.payload": manifest()}
    with pytest.raises(ValueError):
        certificate_ids(document)
    with pytest.raises(ValueError):
        flatten({**asked, DESCRIPTOR: document})


def test_no_name_is_too_deep():
    """Objects may be nested sixteen deep, but a name may have any number of dots."""
    deep = {f"{DESCRIPTOR}.nodeDescriptor.{'a.' * 20_000}b": 1}
    asked = {**demand("https://a.example"), **deep, DESCRIPTOR: TOP.describe(NODE)}
    assert "partner: " in objection(partnered(TOP), asked)


SIGNED = signed(SIGNER, SIGNER, MIDDLE)
DER = SIGNER.certificate.public_bytes(Encoding.DER)


@given(st.lists(st.tuples(st.integers(0, len(DER) - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_a_certificate_may_be_anything(changes: list[tuple[int, int]]):
    data = bytearray(DER)
    for place, value in changes:
        data[place] = value
    asked = {**SIGNED, "golem.srv.comp.payload.cert": base64.b64encode(data).decode()}
    found = objection(auditing(MIDDLE), asked)
    assert found == "" if bytes(data) == DER else isinstance(found, str)


def test_an_image_that_the_owner_denies_is_denied_in_a_manifest():
    rules = Rules(denied=["a" * 56])
    assert rules.objection(NODE, {"golem.srv.comp.payload": manifest()}) != ""
    assert rules.objection(NODE, {"golem.srv.comp.payload": manifest(payload=[])}) == ""
