"""Payload manifests: what a requestor declares of its image, its commands and its way to the internet.

A demand carries one as JSON in base64 under ``golem.srv.comp.payload``, or its last part, flat, under
``golem.srv.comp.manifest.*``. It is a stranger's, so each part is bounded, and what is odd is an error.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Annotated, Any, Final, Literal, TypeAlias
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from golemnet.model.names import COMPUTATION_MANIFEST, PAYLOAD_MANIFEST, TASK_PACKAGE
from golemnet.model.properties import expand
from golemnet.model.task_package import TaskPackage, parse_task_package

MAX_BYTES: Final = 48 * 1024
MAX_URLS: Final = 32
LINUX: Final = "linux"
PORTS: Final = {"http": 80, "ws": 80, "https": 443, "wss": 443}

_HOST: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(\.(?!-)[a-z0-9_-]{1,63})*")
_VERSION: Final = re.compile(r"\d{1,9}\.\d{1,9}\.\d{1,9}([-+][0-9A-Za-z.+-]{1,100})?")
_Text: TypeAlias = Annotated[str, Meta(max_length=2000)]
_Urls: TypeAlias = Annotated[tuple[_Text, ...], Meta(max_length=MAX_URLS)]


class Place(msgspec.Struct, frozen=True, order=True):
    """A port of a host of the internet, which is named."""

    host: str
    port: int


class Outbound(msgspec.Struct, frozen=True):
    """Where commands may connect to: ``urls``, or any place at all."""

    urls: tuple[str, ...] = ()
    unrestricted: bool = False

    @property
    def places(self) -> frozenset[Place]:
        """What the urls name."""
        return frozenset(place_of(url) for url in self.urls)


class Script(msgspec.Struct, frozen=True):
    """The commands that may be run; texts or patterns."""

    commands: Annotated[tuple[_Text, ...], Meta(max_length=100)]
    match: Literal["strict", "regex"] = "strict"


class Platform(msgspec.Struct, frozen=True):
    """The machines that an image is for."""

    arch: _Text
    os: _Text


class Payload(msgspec.Struct, frozen=True):
    """An image, for one kind of machine or for all."""

    hash: _Text
    urls: _Urls = ()
    platform: Platform | None = None

    def fits(self, architecture: str) -> bool:
        """Whether it is for Linux on this architecture, and says where it is."""
        return bool(self.urls) and self.platform in (None, Platform(architecture, LINUX))


class Manifest(msgspec.Struct, frozen=True):
    """A whole manifest.

    Without a ``script`` every command may be run; without ``outbound`` there is no way to the internet.
    """

    payload: tuple[Payload, ...] = ()
    script: Script | None = None
    outbound: Outbound | None = None
    created_at: datetime | None = None
    expires_at: datetime | None = None

    def holds_at(self, now: datetime) -> bool:
        """Whether ``now`` is within its time."""
        begun = self.created_at is None or self.created_at <= now
        return begun and (self.expires_at is None or now < self.expires_at)

    def package(self, architecture: str) -> TaskPackage | None:
        """The image for Linux on this architecture. Raises ValueError if its hash or address is none."""
        for payload in self.payload:
            if payload.fits(architecture):
                return parse_task_package(f"hash:{payload.hash}:{payload.urls[0]}")
        return None


def read_manifest(demand: Mapping[str, Any]) -> Manifest | None:
    """The manifest of a demand with these flat properties; None if it has none. Raises ValueError."""
    if PAYLOAD_MANIFEST in demand:
        return parse_manifest(demand[PAYLOAD_MANIFEST])
    prefix = f"{COMPUTATION_MANIFEST}."
    flat = {name.removeprefix(prefix): value for name, value in demand.items() if name.startswith(prefix)}
    if not flat:
        return None
    computation = msgspec.convert(expand(flat), _Computation)
    return Manifest(script=computation.script, outbound=computation.outbound())


def parse_manifest(text: Any) -> Manifest:
    """A manifest from JSON, in base64 or not. Raises ValueError."""
    if not isinstance(text, str) or len(text) > MAX_BYTES:
        raise ValueError(f"it is no text, or longer than {MAX_BYTES} bytes")
    try:
        wire = msgspec.json.decode(_decoded(text), type=_Manifest)
    except (binascii.Error, RecursionError) as error:
        raise ValueError(f"it cannot be read: {error}") from error
    computation = wire.comp_manifest or _Computation()
    return Manifest(
        wire.payload,
        computation.script,
        computation.outbound(),
        _with_zone(wire.created_at),
        _with_zone(wire.expires_at),
    )


def package_of(demand: Mapping[str, Any], architecture: str) -> TaskPackage | None:
    """The image that a demand asks for: its manifest's, else its task package; None for neither.

    Raises:
        ValueError: one of them cannot be read.
    """
    manifest = read_manifest(demand)
    package = manifest.package(architecture) if manifest else None
    if package is None and demand.get(TASK_PACKAGE) is not None:
        return parse_task_package(str(demand[TASK_PACKAGE]))
    return package


def place_of(url: str) -> Place:
    """The host and the port of an address of the web. Raises ValueError."""
    parts = urlsplit(url)
    host = (parts.hostname or "").removesuffix(".").encode("idna").decode() if parts.hostname else ""
    if parts.scheme not in PORTS or len(host) > 253 or not _HOST.fullmatch(host) or _is_address(host):
        raise ValueError(f"{url[:100]!r} is no address of the web that names a host")
    return Place(host, parts.port or PORTS[parts.scheme])


def _is_address(host: str) -> bool:
    """Whether a resolver may take it for an address: "127.1" and "0x7f000001" are such, too."""
    try:
        ip_address(host)
        return True
    except ValueError:
        last = host.rpartition(".")[2]
        return last.isdigit() or last.startswith("0x")


def _decoded(text: str) -> bytes:
    """Clients send base64, in lines or not, and one of them what it was given."""
    if text.lstrip().startswith("{"):
        return text.encode()
    stripped = "".join(text.split())
    return base64.b64decode(stripped + "=" * (-len(stripped) % 4), validate=True)


def _with_zone(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class _Unrestricted(msgspec.Struct, frozen=True):
    urls: bool = False


class _Out(msgspec.Struct, frozen=True):
    protocols: Annotated[tuple[_Text, ...], Meta(max_length=20)] = tuple(PORTS)
    urls: _Urls = ()
    unrestricted: bool | _Unrestricted | None = None

    def checked(self) -> Outbound | None:
        """None if nothing is asked for: an empty list is a common way to say that."""
        free = self.unrestricted.urls if isinstance(self.unrestricted, _Unrestricted) else self.unrestricted
        for url in self.urls:
            place_of(url)
            if urlsplit(url).scheme not in self.protocols:
                raise ValueError(f"the protocol of {url[:100]!r} is not among those of the manifest")
        return Outbound(self.urls, bool(free)) if self.urls or free else None


class _Inet(msgspec.Struct, frozen=True):
    out: _Out | None = None


class _Net(msgspec.Struct, frozen=True):
    inet: _Inet | None = None


class _Computation(msgspec.Struct, frozen=True):
    version: str = "0.0.0"
    script: Script | None = None
    net: _Net | None = None

    def __post_init__(self) -> None:
        _check_version(self.version)

    def outbound(self) -> Outbound | None:
        out = self.net.inet.out if self.net and self.net.inet else None
        return out.checked() if out else None


class _Manifest(msgspec.Struct, frozen=True, rename="camel"):
    version: str
    created_at: datetime
    expires_at: datetime
    payload: Annotated[tuple[Payload, ...], Meta(max_length=20)]
    comp_manifest: _Computation | None = None

    def __post_init__(self) -> None:
        _check_version(self.version)


def _check_version(text: str) -> None:
    if not _VERSION.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is no version")
