"""What can be seen of an agent from outside: whether it runs, with what settings, on which isolation."""

from __future__ import annotations

from pathlib import Path

import msgspec

from golemnet.provider.presets import Preferences, load
from golemnet.provider.settings import AgentSettings
from golemnet.runtime.self_test import SelfTest

LOCKS = Path("/proc/locks")


def is_running(settings: AgentSettings) -> bool:
    """Whether an agent works in the data directory now; its lock is looked at, not touched."""
    try:
        inode, lines = settings.lock_file.stat().st_ino, LOCKS.read_text().splitlines()
    except OSError:
        return False
    return any("FLOCK" in line.split() and f":{inode} " in line for line in lines)


def save_self_test(path: Path, tested: SelfTest) -> None:
    """Keep what the self-test has found, for the owner's eyes."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(tested), indent=2))


def last_self_test(path: Path) -> SelfTest | None:
    """What was found when the agent was last started; None if it never was."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=SelfTest)
    except (OSError, msgspec.DecodeError):
        return None


def preferences_now(settings: AgentSettings) -> Preferences:
    """What the agent that runs was started with; what the next one is, if none runs."""
    if is_running(settings):
        try:
            return msgspec.json.decode(settings.started_file.read_bytes(), type=Preferences)
        except (OSError, msgspec.DecodeError):
            pass
    return settings.apply(load(settings.preferences_file))
