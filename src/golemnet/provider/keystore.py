"""The certificates that an owner trusts: a folder of files, of X.509 and of Golem's own kind."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from golemnet.errors import GolemError
from golemnet.provider.node_descriptors import certificate_ids
from golemnet.provider.x509_certificates import certificate_id, load_certificates

MAX_FILE_BYTES: Final = 256 * 1024
X509: Final = "X.509"
GOLEM: Final = "Golem"


class Entry(msgspec.Struct, frozen=True):
    """A certificate of the folder."""

    id: str
    kind: str
    subject: str
    not_after: datetime


class Keystore:
    """The certificates in ``folder``, a file for each, named by its id."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def entries(self) -> list[Entry]:
        """All of them."""
        return [_entry_of_x509(each) for each in self.x509()] + [
            _entry_of_golem(file.read_bytes()) for file in sorted(self._folder.glob("*.json"))
        ]

    def x509(self) -> list[x509.Certificate]:
        """Those by which manifests are signed."""
        files = sorted(self._folder.glob("*.pem"))
        return [each for file in files for each in load_certificates(file.read_bytes())]

    def add(self, file: Path) -> list[Entry]:
        """Trust what is in a file: PEM, DER, or JSON; its leaf comes first. Raises GolemError."""
        try:
            data = file.read_bytes()[:MAX_FILE_BYTES]
            return self._add_golem(data) if data.lstrip().startswith(b"{") else self._add_x509(data)
        except (OSError, ValueError) as error:
            raise GolemError(f"{file} holds no certificate.", why=str(error)) from error

    def _add_x509(self, data: bytes) -> list[Entry]:
        certificates = load_certificates(data)
        for each in certificates:
            self._write(certificate_id(each), "pem", each.public_bytes(Encoding.PEM))
        issuers = [each.issuer for each in certificates if each.issuer != each.subject]
        certificates.sort(key=lambda each: each.subject in issuers)
        return [_entry_of_x509(each) for each in certificates]

    def _add_golem(self, data: bytes) -> list[Entry]:
        entry = _entry_of_golem(data)
        self._write(entry.id, "json", data)
        return [entry]

    def _write(self, name: str, ending: str, data: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / f"{name}.{ending}").write_bytes(data)

    def remove(self, prefix: str) -> Entry:
        """Trust a certificate no more. Raises GolemError unless one id begins with ``prefix``."""
        entry = self.find(prefix)
        for ending in ("pem", "json"):
            (self._folder / f"{entry.id}.{ending}").unlink(missing_ok=True)
        return entry

    def find(self, prefix: str) -> Entry:
        """The certificate whose id begins with ``prefix``. Raises GolemError unless there is one."""
        found = [each for each in self.entries() if prefix and each.id.startswith(prefix.lower())]
        if len(found) != 1:
            raise GolemError(
                f"{len(found) or 'No'} certificates have an id that begins with {prefix[:80]!r}.",
                next_step="Run `ya-provider keystore list`.",
            )
        return found[0]


def _entry_of_x509(certificate: x509.Certificate) -> Entry:
    subject = certificate.subject.rfc4514_string()
    return Entry(certificate_id(certificate), X509, subject, certificate.not_valid_after_utc)


def _entry_of_golem(data: bytes) -> Entry:
    document = msgspec.json.decode(data, type=dict)
    inner = msgspec.convert(document.get("certificate"), _Inner)
    return Entry(certificate_ids(document)[0], GOLEM, inner.subject.name, inner.period.not_after)


class _Subject(msgspec.Struct, frozen=True):
    name: str = msgspec.field(name="displayName")


class _Period(msgspec.Struct, frozen=True):
    not_after: datetime = msgspec.field(name="notAfter")


class _Inner(msgspec.Struct, frozen=True):
    subject: _Subject
    period: _Period = msgspec.field(name="validityPeriod")
