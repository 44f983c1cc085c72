"""What an ExeUnit takes from its agreement: image, limits, counters, and what its manifest declares."""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from golemnet.exeunit.errors import AgreementUnusable
from golemnet.model.manifest import Manifest, Outbound, Script, read_manifest
from golemnet.model.properties import flatten
from golemnet.runtime.driver import Limits

GIB = 1024**3
MAX_AGREEMENT_BYTES = 1024 * 1024
TASK_PACKAGE = "golem.srv.comp.task_package"
USAGE_VECTOR = "golem.com.usage.vector"
MEMORY = "golem.inf.mem.gib"
STORAGE = "golem.inf.storage.gib"
THREADS = "golem.inf.cpu.threads"
CORES = "golem.inf.cpu.cores"
_NODE = re.compile(r"0x[0-9a-f]{40}")


class Terms(msgspec.Struct, frozen=True):
    """``task_package`` as in the demand, or its manifest's; counters in the order in which usage is reported.

    ``requestor_id`` is that of a node, or empty. ``script`` and ``outbound`` are the manifest's.
    """

    task_package: str
    limits: Limits
    usage_vector: tuple[str, ...]
    requestor_id: str = ""
    script: Script | None = None
    outbound: Outbound | None = None


def read_terms(path: Path) -> Terms:
    """The terms of the agreement whose JSON (as the REST API gives it) is in the file ``path``.

    Raises:
        AgreementUnusable: it is not an agreement, or a needed property is missing or senseless.
    """
    try:
        document = msgspec.json.decode(path.read_bytes()[:MAX_AGREEMENT_BYTES])
        offer, demand = (flatten(document[side]["properties"]) for side in ("offer", "demand"))
        requestor_id = str(document["demand"].get("requestorId", "")).lower()
        return _terms(offer, demand, requestor_id if _NODE.fullmatch(requestor_id) else "")
    except (OSError, msgspec.DecodeError, KeyError, TypeError, ValueError) as error:
        raise AgreementUnusable(f"The agreement in {path} cannot be used.", why=str(error)) from error


def _terms(offer: Mapping[str, Any], demand: Mapping[str, Any], requestor_id: str) -> Terms:
    defaults = Limits()
    limits = Limits(
        memory_bytes=_gib(offer.get(MEMORY), defaults.memory_bytes),
        storage_bytes=_gib(offer.get(STORAGE), defaults.storage_bytes),
        cpu_cores=float(offer.get(THREADS) or offer.get(CORES) or defaults.cpu_cores),
        processes=defaults.processes,
    )
    manifest = read_manifest(demand) or Manifest()
    package = manifest.package(platform.machine()) or demand.get(TASK_PACKAGE)
    if package is None:
        raise ValueError(f"the demand has neither a manifest with an image for us nor {TASK_PACKAGE}")
    return Terms(
        str(package),
        limits,
        tuple(str(name) for name in offer.get(USAGE_VECTOR, ())),
        requestor_id,
        manifest.script,
        manifest.outbound,
    )


def _gib(value: Any, default: int) -> int:
    return default if value is None else int(float(value) * GIB)
