"""What a manifest says, in all the ways in which clients write it, and that nothing odd is taken for one."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from golemnet.model.manifest import (
    MAX_BYTES,
    MAX_URLS,
    Outbound,
    Place,
    Script,
    package_of,
    parse_manifest,
    place_of,
    read_manifest,
)
from golemnet.model.properties import flatten

HASH = "a" * 56
IMAGE = {"hash": f"sha3:{HASH}", "urls": ["http://images.example/a.gvmi"]}
PAYLOAD = "golem.srv.comp.payload"


def document(**changes: object) -> dict[str, object]:
    """As golem-js' example has it."""
    return {
        "version": "0.1.0",
        "createdAt": "2024-08-21T21:55:37.123+02:00",
        "expiresAt": "2100-01-01T00:01:00.000000Z",
        "metadata": {"name": "an example", "version": "1.0.0"},
        "payload": [{"platform": {"os": "linux", "arch": "x86_64"}, **IMAGE}],
        **changes,
    }


def encoded(**changes: object) -> str:
    return base64.b64encode(json.dumps(document(**changes)).encode()).decode()


def with_out(**out: object) -> str:
    return encoded(compManifest={"version": "0.1.0", "net": {"inet": {"out": out}}})


def test_a_manifest_is_read_from_base64_with_and_without_padding_and_as_it_is():
    plain = json.dumps(document())
    once = parse_manifest(encoded())
    assert once == parse_manifest(encoded().rstrip("=")) == parse_manifest(plain)
    assert once == parse_manifest(f"{encoded()[:76]}\n{encoded()[76:]}\n")
    assert once.package("x86_64").sha3_224 == HASH
    assert once.package("aarch64") is None
    assert (once.script, once.outbound) == (None, None)


def test_its_time():
    manifest = parse_manifest(encoded(createdAt="2026-01-01T00:00:00", expiresAt="2026-02-01T00:00:00+00:00"))
    assert [manifest.holds_at(datetime(2026, month, 1, tzinfo=UTC)) for month in (1, 2)] == [True, False]
    assert not manifest.holds_at(datetime(2025, 12, 31, tzinfo=UTC))


@pytest.mark.parametrize(
    ("payload", "found"),
    [
        ([IMAGE], HASH),
        ([{**IMAGE, "platform": None}], HASH),
        ([{"hash": f"sha3:{HASH}", "urls": []}], None),
        ([{**IMAGE, "platform": {"arch": "x86_64", "os": "windows"}}], None),
        ([{**IMAGE, "hash": "", "platform": {"arch": "riscv", "os": "linux"}}, IMAGE], HASH),
    ],
)
def test_the_image_for_this_machine_is_chosen(payload: list, found: str | None):
    package = parse_manifest(encoded(payload=payload)).package("x86_64")
    assert (package and package.sha3_224) == found


def test_the_manifests_image_comes_before_the_task_package():
    package = f"hash:sha3:{'b' * 56}:http://images.example/b"
    assert package_of({PAYLOAD: encoded(), "golem.srv.comp.task_package": package}, "x86_64").sha3_224 == HASH
    other = {PAYLOAD: encoded(payload=[]), "golem.srv.comp.task_package": package}
    assert package_of(other, "x86_64").sha3_224 == "b" * 56
    assert package_of({}, "x86_64") is None


@pytest.mark.parametrize(
    ("out", "found"),
    [
        ({"urls": ["https://a.example/x"]}, Outbound(("https://a.example/x",))),
        ({"protocols": ["http", "https"], "urls": []}, None),
        ({"protocols": ["https"], "unrestricted": {"urls": True}}, Outbound(unrestricted=True)),
        ({"protocols": ["https"], "unrestricted": True}, Outbound(unrestricted=True)),  # yapapi 0.13.1
        ({"unrestricted": {"urls": False}}, None),
    ],
)
def test_the_way_to_the_internet(out: dict, found: Outbound | None):
    assert parse_manifest(with_out(**out)).outbound == found


def test_the_flat_form():
    manifest = {
        "version": "0.1.0",
        "script": {"commands": ["run .*"], "match": "regex"},
        "net": {"inet": {"out": {"protocols": ["http"], "urls": ["http://a.example:8080"]}}},
    }
    flat = flatten({"golem.srv.comp.manifest": manifest})
    read = read_manifest(flat)
    assert read.script == Script(("run .*",), "regex")
    assert read.outbound.places == {Place("a.example", 8080)}
    assert read_manifest({"golem.srv.comp.task_package": "x"}) is None


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://A.Example./x?y", Place("a.example", 443)),
        ("ws://a.example", Place("a.example", 80)),
        ("https://a.example:8443/", Place("a.example", 8443)),
        ("https://bücher.example", Place("xn--bcher-kva.example", 443)),
    ],
)
def test_where_an_address_leads(url: str, place: Place):
    assert place_of(url) == place


@pytest.mark.parametrize(
    "url",
    [
        *("ftp://a.example", "a.example", "https://", "https://a.example:99999", "https://a b", "http://-a"),
        *("http://1.2.3.4", "http://[::1]/", "http://127.1", "http://0x7f000001", "http://2130706433"),
        *(
            "http://a..example",
            "https://" + "a" * 64,
            "https://" + "a." * 200 + "a",
            "http://[",
        ),
    ],
)
def test_what_names_no_host_of_the_web(url: str):
    with pytest.raises(ValueError):
        place_of(url)


@pytest.mark.parametrize(
    "text",
    [
        *(None, 7, "", "{", "[]", "Zm9v", "no base64!", encoded(version="first"), encoded(version=1)),
        *(encoded(createdAt=None), encoded(payload="x"), "A" * (MAX_BYTES + 1), "[" * 5000, '{"a":' * 5000),
        *(encoded(compManifest={"version": "x"}), with_out(urls=["ftp://a.example"])),
        *(with_out(urls=["https://a.example"] * (MAX_URLS + 1)), with_out(urls="https://a.example")),
        with_out(protocols=["http"], urls=["https://a.example"]),
        encoded(compManifest={"script": {"commands": ["run"], "match": "glob"}}),
        encoded(compManifest={"script": {"commands": ["run"] * 101}}),
        encoded(compManifest={"script": {"commands": ["a" * 2001]}}),
    ],
)
def test_what_is_no_manifest(text: object):
    with pytest.raises(ValueError):
        parse_manifest(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


@given(st.sampled_from(["version", "createdAt", "payload", "compManifest", "metadata"]), JSON)
def test_any_part_may_be_anything(name: str, value: object):
    try:
        manifest = parse_manifest(json.dumps(document(**{name: value})))
    except ValueError:
        return
    assert manifest.outbound is None or all(place.port < 65536 for place in manifest.outbound.places)


@given(st.text(max_size=300) | st.binary(max_size=300).map(lambda data: base64.b64encode(data).decode()))
def test_any_text_is_a_manifest_or_an_error(text: str):
    with pytest.raises(ValueError):
        parse_manifest(text)


@given(st.text(max_size=80), st.sampled_from(["http://", "https://", "ws://", ""]))
def test_any_host_is_plain_or_an_error(text: str, scheme: str):
    try:
        place = place_of(scheme + text)
    except ValueError:
        return
    assert place.host.isascii()
    assert place.host == place.host.lower()
    assert not set(place.host) & set(" /\\:@[]%")
