"""Root file systems from Debian packages, by mmdebstrap; root is not needed where user namespaces are."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from golemnet.image.errors import BadSource, ImageError
from golemnet.image.tools import find_tool, run_tool

SUITE = "bookworm"
TIMEOUT_S = 1800.0
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]{1,100}")
# Nobody reads manuals in a task, and they are a tenth of an image.
_LEFT_OUT = ("doc/*", "man/*", "locale/*", "icons/*", "info/*", "lintian/*")
# Files of packages keep their own time; what the installation itself writes gets this one.
_EPOCH = "1700000000"


def debian_layer(
    packages: Sequence[str],
    layer: Path,
    *,
    suite: str = SUITE,
    variant: str = "essential",
    hooks: Sequence[str] = (),
) -> Path:
    """Write a root with ``packages`` and what they need to the tar ``layer``, and return it.

    Args:
        packages: names in Debian.
        layer: written.
        suite: release of Debian.
        variant: mmdebstrap's; ``extract`` unpacks the packages alone and runs nothing of them.
        hooks: mmdebstrap's customize hooks: what else is done with the root, in this order.

    Raises:
        BadSource: a package's name is malformed.
        MissingTool: mmdebstrap is not installed.
        ImageError: it failed, with its last words.
    """
    for package in packages:
        if not _PACKAGE.fullmatch(package):
            raise BadSource(f"{package[:100]!r} cannot be the name of a Debian package.")
    program = find_tool("mmdebstrap", "mmdebstrap")
    options = [f"--variant={variant}", f"--include={','.join(packages)}", "--quiet", "--format=tar"]
    options += [f"--dpkgopt=path-exclude=/usr/share/{path}" for path in _LEFT_OUT]
    options += [f"--customize-hook={hook}" for hook in hooks]
    options += [] if os.geteuid() == 0 else ["--mode=unshare"]
    env = {"SOURCE_DATE_EPOCH": _EPOCH, "LC_ALL": "C.UTF-8"}
    try:
        run_tool([program, *options, suite, str(layer)], timeout_s=TIMEOUT_S, env=env)
    except ImageError as error:
        hint = f"Check that Debian {suite} has packages of these names, and that its mirror answers."
        raise ImageError(error.what, why=error.why, next_step=hint) from error
    return layer
