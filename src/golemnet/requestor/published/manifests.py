"""Manifests: a payload, and what it may do, as one document that can be signed."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, is_dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Self, get_args, get_type_hints

from golemnet.requestor.published.payloads import DEFAULT_REPOSITORY_URL, find_image

VALID_FOR = timedelta(days=10 * 365)
ALIASES = {
    "created_at": "createdAt",
    "expires_at": "expiresAt",
    "comp_manifest": "compManifest",
    "os_version": "osVersion",
}
FIELDS = {alias: name for name, alias in ALIASES.items()}


class _Document:
    """Base of the parts: dictionaries both ways, by our names or by those of the JSON."""

    def dict(self, *, by_alias: bool = False) -> dict[str, Any]:
        """As a dictionary; what is None is left out."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}  # pyright: ignore[reportArgumentType]
        return {
            (ALIASES.get(name, name) if by_alias else name): _written(value, by_alias)
            for name, value in values.items()
            if value is not None
        }

    @classmethod
    def parse_obj(cls, obj: dict[str, Any], by_alias: bool = False) -> Self:
        """From a dictionary. Raises TypeError if it has what it should not have."""
        types = get_type_hints(cls)
        named = {(FIELDS.get(name, name) if by_alias else name): value for name, value in obj.items()}
        return cls(**{name: _read(types.get(name), value, by_alias) for name, value in named.items()})


@dataclass
class ManifestMetadata(_Document):
    """Whose it is."""

    name: str
    version: str
    authors: list[str] = field(default_factory=list[str])
    homepage: str | None = None
    description: str | None = None


@dataclass
class ManifestPayloadPlatform(_Document):
    """What it runs on."""

    arch: str = "x86_64"
    os: str = "linux"
    os_version: str | None = None


@dataclass
class ManifestPayload(_Document):
    """An image: ``hash`` is ``sha3:<hex>``."""

    hash: str
    urls: list[str] = field(default_factory=list[str])
    platform: ManifestPayloadPlatform | None = field(default_factory=ManifestPayloadPlatform)

    async def resolve_urls_from_hash(self) -> None:
        """Ask the registry where the image is."""
        _, url = await find_image(self.hash.removeprefix("sha3:"), None, False, DEFAULT_REPOSITORY_URL)
        self.urls = [url]


@dataclass
class CompManifestScript(_Document):
    """Which commands may be sent."""

    commands: list[str] = field(default_factory=list[str])
    match: Literal["regex"] = "regex"


@dataclass
class CompManifestNetInetOut(_Document):
    """Which hosts may be reached."""

    protocols: list[str] = field(default_factory=lambda: ["http", "https", "ws", "wss"])
    urls: list[str] | None = None
    unrestricted: dict[str, bool] | None = None


@dataclass
class CompManifestNetInet(_Document):
    """The internet."""

    out: CompManifestNetInetOut | None = None


@dataclass
class CompManifestNet(_Document):
    """The network."""

    inet: CompManifestNetInet | None = None


@dataclass
class CompManifest(_Document):
    """What may be done."""

    version: str = "0.0.0"
    script: CompManifestScript | None = None
    net: CompManifestNet | None = None


@dataclass
class Manifest(_Document):
    """All of it."""

    payload: list[ManifestPayload]
    version: str = "0.0.0"
    comp_manifest: CompManifest | None = None
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    expires_at: datetime = field(default_factory=lambda: datetime.now(UTC) + VALID_FOR)
    metadata: ManifestMetadata | None = None

    @classmethod
    async def generate(
        cls, image_hash: str | None = None, outbound_urls: list[str] | None = None, **kwargs: Any
    ) -> Manifest:
        """A manifest of an image that may reach hosts; the keywords are other fields of it."""
        given: dict[str, Any] = dict(kwargs)
        if image_hash is not None:
            payload = ManifestPayload(hash=f"sha3:{image_hash}")
            await payload.resolve_urls_from_hash()
            given["payload"] = [payload]
        if outbound_urls is not None:
            protocols = sorted({url.partition("://")[0] for url in outbound_urls})
            out = CompManifestNetInetOut(protocols=protocols, urls=outbound_urls)
            script = CompManifestScript(commands=["run .*", "transfer .*"])
            net = CompManifestNet(inet=CompManifestNetInet(out=out))
            given["comp_manifest"] = CompManifest(script=script, net=net)
        return cls(**given)


def _written(value: Any, by_alias: bool) -> Any:
    if isinstance(value, _Document):
        return value.dict(by_alias=by_alias)
    if isinstance(value, list):
        return [_written(each, by_alias) for each in value]
    return value.isoformat() if isinstance(value, datetime) else value


def _read(type_: Any, value: Any, by_alias: bool) -> Any:
    for each in (type_, *get_args(type_)):
        if is_dataclass(each) and isinstance(value, dict):
            return each.parse_obj(value, by_alias)  # pyright: ignore[reportAttributeAccessIssue]
        if is_dataclass(each) and isinstance(value, list):
            return [_read(each, part, by_alias) for part in value]
    return datetime.fromisoformat(value) if type_ is datetime and isinstance(value, str) else value
