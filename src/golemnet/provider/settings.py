"""Where an agent keeps its data and what it is told from outside: arguments before environment."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from pathlib import Path

import msgspec

from golemnet.errors import GolemError
from golemnet.provider.presets import Preferences

DEFAULT_DIRECTORY = Path("~/.local/share/ya-provider")
_FORBIDDEN = frozenset("()=<>*\\")


class AgentSettings(msgspec.Struct, frozen=True):
    """The data directory, and what overrides the preferences in it."""

    data_dir: Path
    node_name: str | None = None
    subnet: str | None = None

    @property
    def preferences_file(self) -> Path:
        """What the owner has decided."""
        return self.data_dir / "preferences.json"

    @property
    def journal_file(self) -> Path:
        """What has happened."""
        return self.data_dir / "journal.jsonl"

    @property
    def lock_file(self) -> Path:
        """Held by the agent that runs."""
        return self.data_dir / "lock"

    @property
    def self_test_file(self) -> Path:
        """What the agent's last self-test has found."""
        return self.data_dir / "self-test.json"

    @property
    def started_file(self) -> Path:
        """What the agent was last started with: the owner's decisions, and what was given instead of them."""
        return self.data_dir / "started.json"

    @property
    def rules_file(self) -> Path:
        """Who may have the internet."""
        return self.data_dir / "rules.json"

    @property
    def whitelist_file(self) -> Path:
        """The domains that everybody may have."""
        return self.data_dir / "domain_whitelist.json"

    @property
    def certificates(self) -> Path:
        """The certificates that the owner trusts."""
        return self.data_dir / "cert-dir"

    @property
    def workshop(self) -> Path:
        """Where ExeUnits work."""
        return self.data_dir / "exe-unit"

    def apply(self, preferences: Preferences) -> Preferences:
        """The preferences with what was given from outside, and the host's name for a node without one.

        Raises:
            GolemError: a subnet's name has characters that constraints cannot hold.
        """
        subnet = self.subnet or preferences.subnet
        if _FORBIDDEN & set(subnet) or not subnet.strip():
            raise GolemError(
                f"{subnet!r} is no name for a subnet.", next_step="Use letters, digits and dashes."
            )
        name = self.node_name or preferences.node_name or socket.gethostname()
        return msgspec.structs.replace(preferences, subnet=subnet, node_name=name)


def settings_from(
    environment: Mapping[str, str] = os.environ,
    *,
    data_dir: Path | None = None,
    node_name: str | None = None,
    subnet: str | None = None,
) -> AgentSettings:
    """Settings from arguments, else from DATA_DIR, NODE_NAME, SUBNET or YAGNA_SUBNET."""
    directory = data_dir or Path(environment.get("DATA_DIR") or DEFAULT_DIRECTORY)
    return AgentSettings(
        directory.expanduser().absolute(),
        node_name or environment.get("NODE_NAME") or None,
        subnet or environment.get("SUBNET") or environment.get("YAGNA_SUBNET") or None,
    )
