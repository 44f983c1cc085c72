"""Writing a squashfs from a tree of files with mksquashfs; the same tree gives the same bytes."""

from __future__ import annotations

from pathlib import Path

from golemnet.image.tools import find_tool, run_tool
from golemnet.image.tree import Tree

TIMEOUT_S = 600.0
# Level 3 packs a gigabyte in three seconds on two cores, and within a tenth of the size of level 15.
_COMPRESSION = ("-comp", "zstd", "-Xcompression-level", "3")
_ROOT = ("-root-mode", "755", "-root-uid", "0", "-root-gid", "0")


def write_squashfs(tree: Tree, path: Path) -> None:
    """Write ``tree`` as a squashfs to ``path``, which must not exist.

    Raises:
        MissingTool: mksquashfs is not installed.
        ImageError: it failed.
    """
    program = find_tool("mksquashfs", "squashfs-tools")
    options = ("-tar", *_COMPRESSION, *_ROOT, "-noappend", "-no-xattrs", "-no-progress", "-quiet")
    # Only the times that mksquashfs would take from the clock become that of the latest file. Those of
    # the files stay: Python compiles every module again whose time is not the one it remembers.
    env = {"SOURCE_DATE_EPOCH": str(tree.latest_time())}
    run_tool([program, "-", str(path), *options], timeout_s=TIMEOUT_S, feed=tree.write, env=env)
