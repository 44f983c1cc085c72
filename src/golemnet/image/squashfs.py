"""Writing a squashfs from a tree of files with mksquashfs; the same tree gives the same bytes."""

from __future__ import annotations

from pathlib import Path

from golemnet.image.tools import find_tool, run_tool
from golemnet.image.tree import Tree

TIMEOUT_S = 600.0
# Level 3 packs a gigabyte in three seconds on two cores, and within a tenth of the size of level 15.
_COMPRESSION = ("-comp", "zstd", "-Xcompression-level", "3")
# The only times that would differ from build to build; those of the files are kept, because Python
# compiles every module again when the time of its source is not the one it remembers.
_TIMES = ("-mkfs-time", "0", "-root-time", "0", "-root-mode", "755", "-root-uid", "0", "-root-gid", "0")


def write_squashfs(tree: Tree, path: Path) -> None:
    """Write ``tree`` as a squashfs to ``path``, which must not exist.

    Raises:
        MissingTool: mksquashfs is not installed.
        ImageError: it failed.
    """
    program = find_tool("mksquashfs", "squashfs-tools")
    options = ("-tar", *_COMPRESSION, *_TIMES, "-noappend", "-no-xattrs", "-no-progress", "-quiet")
    run_tool([program, "-", str(path), *options], timeout_s=TIMEOUT_S, feed=tree.write)
