"""Machines."""

from golemnet.requestor.published.models import (
    INF_CORES,
    INF_MEM,
    INF_RUNTIME_NAME,
    INF_STORAGE,
    INF_THREADS,
    RUNTIME_VM,
    TRANSFER_CAPS,
    ExeUnitManifestRequest,
    ExeUnitRequest,
    InfBase,
    InfVm,
    VmPackageFormat,
    VmRequest,
    WasmInterface,
)

__all__ = [
    "INF_CORES",
    "INF_MEM",
    "INF_RUNTIME_NAME",
    "INF_STORAGE",
    "INF_THREADS",
    "RUNTIME_VM",
    "TRANSFER_CAPS",
    "ExeUnitManifestRequest",
    "ExeUnitRequest",
    "InfBase",
    "InfVm",
    "VmPackageFormat",
    "VmRequest",
    "WasmInterface",
]
