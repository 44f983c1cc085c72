"""A kernel for virtual machines: this machine's own, or of a Debian package that was unpacked.

Its modules are loaded by name with what they depend on, which each of them says itself. What the kernel has
built in is no module; what it lacks is noticed when the machine does not come up.
"""

from __future__ import annotations

import lzma
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
import zstandard

from golemnet.runtime.errors import NoRuntime

SETTING: Final = "GOLEM_VM_KERNEL"
NEEDED: Final = (
    *("virtio_pci", "virtio_blk", "virtio_console", "virtio_net", "9pnet_virtio", "9p"),
    *("squashfs", "overlay", "crc32c_generic", "ext4"),
)
_DEPENDS = re.compile(rb"\0depends=([^\0]*)\0")


class Kernel(msgspec.Struct, frozen=True):
    """The file that is started, and the folder ``lib/modules/VERSION`` of its modules."""

    file: Path
    modules: Path


def find_kernel(environment: Mapping[str, str] = os.environ) -> Kernel:
    """The newest kernel that can reach shared folders: below ``GOLEM_VM_KERNEL``, or else this machine's own,
    or that which ``tools/virtual-machines`` has fetched into the cache.

    Raises:
        NoRuntime: there is none that can be read.
    """
    roots = [Path(environment[SETTING])] if environment.get(SETTING) else [Path("/"), fetched(environment)]
    for root in roots:
        for kernel in _kernels(root):
            return kernel
    raise NoRuntime(
        f"There is no kernel for virtual machines below {' or '.join(map(str, roots))}.",
        why="It has to be readable, to have the module 9p, and all others that machines need of its list.",
        next_step="Fetch one: tools/virtual-machines in the project's folder; or unpack Debian's "
        f"linux-image-...-amd64 by dpkg-deb -x, and set {SETTING} to the folder.",
    )


def fetched(environment: Mapping[str, str]) -> Path:
    """Where ``tools/virtual-machines`` puts what it fetches."""
    return Path(environment.get("GOLEM_CACHE_DIR") or "~/.cache/golemnet").expanduser() / "kernel"


def _kernels(root: Path) -> Iterator[Kernel]:
    """Newest first."""
    for file in sorted(
        (root / "boot").glob("vmlinuz-*"), key=lambda path: path.stat().st_mtime, reverse=True
    ):
        modules = root / "lib/modules" / file.name.removeprefix("vmlinuz-")
        kernel = Kernel(file, modules)
        if os.access(file, os.R_OK) and "9p" in _listed(modules) and _is_whole(kernel):
            yield kernel


def _is_whole(kernel: Kernel) -> bool:
    """Whether it has the modules that it lists: of an earlier version's fetching some may be missing."""
    try:
        return bool(modules_of(kernel))
    except OSError:
        return False


def modules_of(kernel: Kernel) -> list[bytes]:
    """The modules that a machine needs, in the order in which they can be loaded."""
    listed = _listed(kernel.modules)
    loaded: dict[str, bytes] = {}
    for name in NEEDED:
        for found, content in _with_dependencies(name, kernel.modules, listed):
            loaded.setdefault(found, content)
    return list(loaded.values())


def _listed(modules: Path) -> dict[str, str]:
    """Paths of modules by name, as the kernel's package lists them."""
    try:
        lines = (modules / "modules.order").read_text().split()
    except OSError:
        return {}
    return {_name(line): line for line in lines}


def _name(path: str) -> str:
    return path.rpartition("/")[2].partition(".")[0].replace("-", "_")


def _with_dependencies(name: str, modules: Path, listed: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
    if name not in listed:
        return
    content = _read(modules / listed[name])
    for dependency in _dependencies(content):
        yield from _with_dependencies(dependency, modules, listed)
    yield name, content


def _dependencies(content: bytes) -> Sequence[str]:
    found = _DEPENDS.search(content)
    return [_name(name) for name in found[1].decode().split(",") if name] if found else []


def _read(path: Path) -> bytes:
    """A module, however it is compressed."""
    if path.exists():
        return path.read_bytes()
    if (packed := path.with_name(f"{path.name}.xz")).exists():
        return lzma.decompress(packed.read_bytes())
    packed = path.with_name(f"{path.name}.zst")
    return zstandard.ZstdDecompressor().decompressobj().decompress(packed.read_bytes())
