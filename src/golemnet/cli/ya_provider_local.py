"""The agents of a local network: each has its own data, which the network's shell does not name."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from golemnet.errors import GolemError
from golemnet.model.local_shell import local_directory


def check_not_local(command: str, data_dir: Path) -> None:
    """Tell who asks for the agent of ``data_dir`` where those of a local network may be meant.

    Raises:
        GolemError: this shell is for one, and DATA_DIR does not say which agent is meant.
    """
    directory = local_directory(os.environ)
    agents = [] if directory is None else sorted(directory.glob("provider-*/agent"))
    if not agents or os.environ.get("DATA_DIR"):
        return
    others = ", ".join(agent.parent.name for agent in agents[1:])
    raise GolemError(
        f"No agent runs with the data of {data_dir}.",
        why=f"This shell is for the local network in {directory}, whose agents have data of their own.",
        next_step=f"`ya-provider {command} -d {shlex.quote(str(agents[0]))}`"
        + (f"; likewise {others}." if others else "."),
    )
