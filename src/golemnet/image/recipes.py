"""Images that need no thought: ``small`` and ``python``, from Debian packages. Pure."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from golemnet.image.gvmi import ImageConfig
from golemnet.image.recipe import Recipe

VOLUMES = ("/golem/work", "/golem/output", "/golem/resource", "/golem/resources")
PATH = "PATH=/usr/local/bin:/usr/bin:/bin"
CONFIG = ImageConfig(env=(PATH,), work_dir="/golem/work", volumes={path: {} for path in VOLUMES})
# What docker's official images say as well: which Python is inside can be known without opening an image.
PYTHON_VARIABLE = "PYTHON_VERSION"
DEBIAN_PYTHON = "3.11.2"
# What an installation leaves that no task reads.
LEFT_OVER = ("/etc/hostname", "/etc/resolv.conf", "/var/cache", "/var/lib/apt", "/var/log")
# Debian's busybox can do these and more; a link makes each a command of its own.
_APPLETS = """
    [ ash awk base64 basename cat chmod cmp cp cut date dd df diff dirname du echo env expr false find grep
    gzip head hostname id kill ln ls md5sum mkdir mkfifo mktemp mv nproc od printf ps pwd readlink rm rmdir
    sed seq sh sha256sum sleep sort stat sync tail tar tee test timeout touch tr true uname uniq wc whoami
    xargs yes
"""


def cache_directory() -> Path:
    """Where built images are kept (``GOLEM_CACHE_DIR``, else ``~/.cache/golemnet``)."""
    return Path(os.environ.get("GOLEM_CACHE_DIR") or "~/.cache/golemnet").expanduser() / "images"


def small_image() -> Recipe:
    """busybox and nothing else: about a megabyte."""
    return Recipe(
        name="small",
        packages=["busybox-static"],
        variant="extract",
        config=CONFIG,
        links={f"/bin/{applet}": "busybox" for applet in _APPLETS.split()},
        removed=["/var", "/usr", "/etc/apt", "/etc/dpkg", "/etc/hostname", "/etc/resolv.conf"],
    )


def python_image() -> Recipe:
    """Debian's Python with numpy, and a shell with its usual tools."""
    config = ImageConfig(
        env=(PATH, f"{PYTHON_VARIABLE}={DEBIAN_PYTHON}"), work_dir=CONFIG.work_dir, volumes=CONFIG.volumes
    )
    return Recipe(name="python", packages=["python3", "python3-numpy"], config=config, removed=LEFT_OVER)


READY_MADE: Mapping[str, Callable[[], Recipe]] = {"small": small_image, "python": python_image}


def ready_made_tag(recipe: Recipe) -> str:
    """What registries call the image of a ready-made recipe: another one when the recipe changes."""
    return f"golem/{recipe.name}:{recipe.key}"
