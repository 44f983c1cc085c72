"""The demo's images as recipes: the package's small one that starts at once, and Blender."""

from __future__ import annotations

from pathlib import Path

from golemnet.image.recipe import Recipe
from golemnet.image.recipes import CONFIG, LEFT_OVER, cache_directory, small_image

__all__ = ["SCENE", "blender_image", "cache_directory", "small_image"]

HERE = Path(__file__).parent
SCENE = "/var/tmp/cubes.blend"
TOOL = "/var/tmp/make_scene.py"
_MAKE_SCENE = f"blender -b -noaudio --python-exit-code 1 --python {TOOL} -- {SCENE}"


def blender_image() -> Recipe:
    """Debian's Blender with our entry point; making it also makes the scene ``SCENE``."""
    files = ("run-blender.sh", "render.py", "parameters.py")
    return Recipe(
        name="blender",
        packages=["blender"],
        config=CONFIG,
        files={f"/golem/entrypoints/{name}": (HERE / "blender" / name).read_bytes() for name in files},
        removed=LEFT_OVER,
        tools={TOOL: (HERE / "blender" / "make_scene.py").read_bytes()},
        hooks=[f'HOME=/tmp chroot "$1" {_MAKE_SCENE}'],
        products=[SCENE],
    )
