"""What a script can name in yapapi 0.13.1 is in ours as well, with the same parameters and defaults."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from python_clients import PythonClient

CLIENT = "yapapi-0.13.1"
SCRIPT = Path(__file__).parent / "scripts" / "names_of_yapapi.py"
pytestmark = [pytest.mark.clients, pytest.mark.timeout(180)]

# Type variables, loops' counters, and parts of the library's own machinery.
INTERNAL = set(
    [
        "yapapi.Executor",
        "yapapi.contrib.service.chunk.BufferType",
        "yapapi.contrib.service.http_proxy.WEBSOCKET_CHUNK_LIMIT",
        "yapapi.contrib.service.socket_proxy.DEFAULT_TIMEOUT",
        "yapapi.contrib.service.socket_proxy.WEBSOCKET_CHUNK_LIMIT",
        "yapapi.contrib.service.socket_proxy.connection_ids",
        "yapapi.ctx.WorkContextEmitter",
        "yapapi.golem.D",
        "yapapi.golem.R",
        "yapapi.golem.TYPE_CHECKING",
        "yapapi.log.event_type_to_string",
        "yapapi.log.yapapi_version",
        "yapapi.payload.manifest.Aliased",
        "yapapi.payload.manifest.parse_datetime",
        "yapapi.payload.package.check_package_url",
        "yapapi.payload.package.resolve_package_url",
        "yapapi.payload.vm.is_base64",
        "yapapi.props.base.Props",
        "yapapi.rest.activity.Batch",
        "yapapi.rest.activity.Result",
        "yapapi.rest.activity.PollingBatch",
        "yapapi.rest.activity.StreamingBatch",
        "yapapi.script.TYPE_CHECKING",
        "yapapi.script.script_ids",
        "yapapi.script.DOWNLOAD_BYTES_LIMIT_DEFAULT",
        "yapapi.script.command.TYPE_CHECKING",
        "yapapi.script.command.DOWNLOAD_BYTES_LIMIT_DEFAULT",
        "yapapi.script.command.InternetSource",
        "yapapi.services.ServiceRunner",
    ]
)
# What scripts are handed, and never make themselves; and state machines, of which they compare states.
HANDED = {"Activity", "Agreement", "Cluster", "ServiceInstance", "Subscription", "ProxyConnection", "Task"}
MACHINES = {"NetworkState", "ServiceState"}


def names(python: str | Path) -> dict[str, dict[str, Any]]:
    done = subprocess.run(
        [python, "-W", "ignore", SCRIPT], capture_output=True, text=True, timeout=60, check=True
    )
    return json.loads(done.stdout)


def missing(theirs: Any, ours: Any, path: str) -> list[str]:
    """The paths of what is not in ours, or not the same."""
    if isinstance(theirs, dict):
        known = ours if isinstance(ours, dict) else {}
        return [each for name in theirs for each in missing(theirs[name], known.get(name), f"{path}.{name}")]
    if theirs == "property":
        return []  # or an attribute, which no class shows
    if isinstance(theirs, list):
        return [] if isinstance(ours, list) and accepts(ours, theirs) else [path]
    return [] if theirs in (ours, "?") else [path]


def accepts(ours: list[Any], theirs: list[Any]) -> bool:
    """Whether a call that theirs takes is one for ours: more parameters do no harm."""
    if [name for name, _ in theirs] in (["args", "kwargs"], ["kwargs"]):
        return True
    pairs = zip(ours, theirs, strict=False)
    same = all(mine[0] == its[0] and its[1] in (mine[1], "?") for mine, its in pairs)
    return len(ours) >= len(theirs) and same


def test_every_name_is_there(client: PythonClient) -> None:
    theirs, ours = names(client.python), names(sys.executable)
    lacking = [
        f"{module}.{name}"
        for module in theirs
        for name in theirs[module]
        if name not in ours[module] and not name.endswith("Type")
    ]
    assert set(lacking) - INTERNAL == set()
    assert sum(len(each) for each in theirs.values()) > 200


def test_parameters_and_defaults_are_the_same(client: PythonClient) -> None:
    theirs, ours = names(client.python), names(sys.executable)
    different = [
        each
        for module in theirs
        for name in theirs[module]
        if name in ours[module] and name not in HANDED | MACHINES
        for each in missing(theirs[module][name], ours[module][name], f"{module}.{name}")
    ]
    assert different == []
    states = {name: ours["yapapi.services"]["ServiceState"][name] for name in ("pending", "terminated")}
    assert states == {"pending": "pending", "terminated": "terminated"}
