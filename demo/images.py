"""The demo's images as recipes: a small one that starts at once, and Blender."""

from __future__ import annotations

import os
from pathlib import Path

from golemnet.image.gvmi import ImageConfig
from golemnet.image.recipe import Recipe

HERE = Path(__file__).parent
VOLUMES = ("/golem/work", "/golem/output", "/golem/resource", "/golem/resources")
CONFIG = ImageConfig(
    env=("PATH=/usr/local/bin:/usr/bin:/bin",), work_dir="/golem/work", volumes={path: {} for path in VOLUMES}
)
SCENE = "/var/tmp/cubes.blend"
TOOL = "/var/tmp/make_scene.py"
_MAKE_SCENE = f"blender -b -noaudio --python-exit-code 1 --python {TOOL} -- {SCENE}"
# Debian's busybox can do these and more; a link makes each a command of its own.
_APPLETS = """
    [ ash awk base64 basename cat chmod cmp cp cut date dd df diff dirname du echo env expr false find grep
    gzip head hostname id kill ln ls md5sum mkdir mkfifo mktemp mv nproc od printf ps pwd readlink rm rmdir
    sed seq sh sha256sum sleep sort stat sync tail tar tee test timeout touch tr true uname uniq wc whoami
    xargs yes
"""


def cache_directory() -> Path:
    """Where built images are kept (``GOLEM_CACHE_DIR``, else ``~/.cache/golemnet``)."""
    return Path(os.environ.get("GOLEM_CACHE_DIR") or "~/.cache/golemnet").expanduser() / "demo"


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


def blender_image() -> Recipe:
    """Debian's Blender with our entry point; making it also makes the scene ``SCENE``."""
    files = ("run-blender.sh", "render.py", "parameters.py")
    return Recipe(
        name="blender",
        packages=["blender"],
        config=CONFIG,
        files={f"/golem/entrypoints/{name}": (HERE / "blender" / name).read_bytes() for name in files},
        removed=["/etc/hostname", "/etc/resolv.conf", "/var/cache", "/var/lib/apt", "/var/log"],
        tools={TOOL: (HERE / "blender" / "make_scene.py").read_bytes()},
        hooks=[f'HOME=/tmp chroot "$1" {_MAKE_SCENE}'],
        products=[SCENE],
    )
