"""Images that run at providers: ``await vm.repo(image_hash=...)``."""

from golemnet.requestor.published.errors import PackageException
from golemnet.requestor.published.models import (
    INF_CORES,
    RUNTIME_VM,
    InfVm,
    VmManifestRequest,
    VmPackageFormat,
    VmRequest,
)
from golemnet.requestor.published.payloads import (
    DEFAULT_REPOSITORY_URL,
    VM_CAPS_MANIFEST_SUPPORT,
    VM_CAPS_VPN,
    Package,
    VmCaps,
    manifest,
    repo,
)
from golemnet.requestor.published.payloads import (
    VmConstraints as _VmConstraints,
)
from golemnet.requestor.published.payloads import (
    VmManifestPackage as _VmManifestPackage,
)
from golemnet.requestor.published.payloads import (
    VmPackage as _VmPackage,
)

__all__ = [
    "DEFAULT_REPOSITORY_URL",
    "INF_CORES",
    "RUNTIME_VM",
    "VM_CAPS_MANIFEST_SUPPORT",
    "VM_CAPS_VPN",
    "InfVm",
    "Package",
    "PackageException",
    "VmCaps",
    "VmManifestRequest",
    "VmPackageFormat",
    "VmRequest",
    "_VmConstraints",
    "_VmManifestPackage",
    "_VmPackage",
    "manifest",
    "repo",
]
