"""The agents of a local network: each has its own data, which the network's shell does not name."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from golemnet.errors import GolemError
from golemnet.model.local_shell import local_directory
from golemnet.provider.settings import AgentSettings, settings_from


def check_not_local(command: str, data_dir: Path) -> None:
    """Tell who asks for the agent of ``data_dir`` where those of a local network may be meant.

    Raises:
        GolemError: this shell is for one, and DATA_DIR does not say which agent is meant.
    """
    directory, agents = _local_agents()
    if not agents:
        return
    others = _nodes(agents[1:])
    raise GolemError(
        f"No agent runs with the data of {data_dir}.",
        why=f"This shell is for the local network in {directory}, whose agents have data of their own.",
        next_step=f"`ya-provider {command} -d {shlex.quote(str(agents[0]))}`"
        + (f"; likewise {others}." if others else "."),
    )


def settings_to_change(data_dir: Path | None) -> AgentSettings:
    """The settings of the agent that a command is to change.

    Raises:
        GolemError: this shell is for a local network, and neither ``data_dir`` nor DATA_DIR names the agent.
    """
    settings = settings_from(data_dir=data_dir)
    directory, agents = _local_agents()
    if data_dir is not None or not agents:
        return settings
    first, *others = agents
    likewise = f" (likewise {_nodes(others)})" if others else ""
    raise GolemError(
        "Nothing was changed, for it is not said which agent is meant.",
        why=f"This shell is for the local network in {directory}, whose agents have data of their own.",
        next_step=f"Add `-d {shlex.quote(str(first))}`{likewise}, "
        f"or `-d {shlex.quote(str(settings.data_dir))}` for the agent of your own.",
    )


def _nodes(agents: Sequence[Path]) -> str:
    return ", ".join(agent.parent.name for agent in agents)


def _local_agents() -> tuple[Path | None, list[Path]]:
    """The network of this shell, and its agents' data; none where DATA_DIR says which agent is meant."""
    directory = local_directory(os.environ)
    if directory is None or os.environ.get("DATA_DIR"):
        return directory, []
    return directory, sorted(directory.glob("provider-*/agent"))
