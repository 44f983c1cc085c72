"""A kernel for virtual machines: this machine's own, or an unpacked Debian package of one.

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
    *("virtio_pci", "virtio_blk", "virtio_console", "9pnet_virtio", "9p"),
    *("squashfs", "overlay", "crc32c_generic", "ext4"),
)
_DEPENDS = re.compile(rb"\0depends=([^\0]*)\0")


class Kernel(msgspec.Struct, frozen=True):
    """The file that is started, and the folder ``lib/modules/VERSION`` of its modules."""

    file: Path
    modules: Path


def find_kernel(environment: Mapping[str, str] = os.environ) -> Kernel:
    """The newest kernel below ``GOLEM_VM_KERNEL``, or else of this machine, that can reach shared folders.

    Raises:
        NoRuntime: there is none that can be read.
    """
    root = Path(environment.get(SETTING) or "/")
    for file in sorted(
        (root / "boot").glob("vmlinuz-*"), key=lambda path: path.stat().st_mtime, reverse=True
    ):
        modules = root / "lib/modules" / file.name.removeprefix("vmlinuz-")
        if os.access(file, os.R_OK) and "9p" in _listed(modules):
            return Kernel(file, modules)
    raise NoRuntime(
        f"There is no kernel for virtual machines below {root}.",
        why="It has to be readable, and to have the module 9p.",
        next_step=f"Unpack Debian's linux-image-...-amd64 by dpkg-deb -x, and set {SETTING} to the folder.",
    )


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
