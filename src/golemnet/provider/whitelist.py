"""Domains that everybody may reach from this provider: whole names, or patterns."""

from __future__ import annotations

from hashlib import sha256
from typing import Final, Literal

import msgspec

from golemnet.errors import GolemError

# Where software and public files are fetched from.
DEFAULT: Final = (
    "crates.io",
    "deb.debian.org",
    "dl-cdn.alpinelinux.org",
    "files.pythonhosted.org",
    "index.crates.io",
    "ipfs.io",
    "proxy.golang.org",
    "pypi.org",
    "registry.npmjs.org",
    "registry.yarnpkg.com",
    "security.debian.org",
    "static.crates.io",
)


class Domain(msgspec.Struct, frozen=True):
    """A name, or a regular expression that is searched in names."""

    domain: str
    match: Literal["strict", "regex"] = "strict"

    @property
    def id(self) -> str:
        """By which commands name it."""
        return sha256(f"{self.match} {self.domain}".encode()).hexdigest()[:8]

    def fits(self, host: str) -> bool:
        """Whether ``host``, in lower case, is meant."""
        if self.match == "strict":
            return host == self.domain.lower()
        import re2

        return re2.search(f"(?i:{self.domain})", host) is not None


class Whitelist(msgspec.Struct, frozen=True):
    """The list."""

    patterns: tuple[Domain, ...] = tuple(Domain(each) for each in DEFAULT)

    def __contains__(self, host: str) -> bool:
        return any(pattern.fits(host) for pattern in self.patterns)

    def adding(self, domain: Domain) -> Whitelist:
        """With ``domain``. Raises GolemError if it is no pattern, or an address of the web."""
        if "/" in domain.domain or not domain.domain.strip():
            raise GolemError(f"{domain.domain[:80]!r} is no domain.", next_step="Give it like example.com.")
        _check_pattern(domain)
        return Whitelist((*(each for each in self.patterns if each != domain), domain))

    def without(self, domain_id: str) -> Whitelist:
        """Without the domain that has this id. Raises GolemError if there is none."""
        left = tuple(each for each in self.patterns if each.id != domain_id)
        if len(left) == len(self.patterns):
            raise GolemError(
                f"There is no domain {domain_id[:40]!r}.", next_step="Run `ya-provider whitelist list`."
            )
        return Whitelist(left)


def _check_pattern(domain: Domain) -> None:
    import re2

    try:
        domain.fits("example.com")
    except re2.error as error:
        raise GolemError(f"{domain.domain[:80]!r} is no pattern.", why=str(error)) from error
