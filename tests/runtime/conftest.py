"""A small image with a user, a working folder and an environment of its own."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from golemnet.image.gvmi import ImageConfig, append_config, hash_image

sys.path.insert(0, str(Path(__file__).parent))

BUSYBOX = Path("/bin/busybox")
CONFIG = ImageConfig(
    env=["GREETING=hello"],
    user="1000:1001",
    work_dir="/golem/work",
    volumes={"/golem/work": {}, "/golem/output": {}},
)


@pytest.fixture(scope="session")
def images() -> Iterator[Path]:
    """A folder of images, as an ExeUnit's cache is one, that every user may write to."""
    folder = Path(tempfile.mkdtemp(prefix="golem-conformance-images-"))
    folder.chmod(0o777)
    root, image = folder / "root", folder / "image"
    _build(root)
    command = ["mksquashfs", str(root), str(image), "-quiet", "-no-progress", "-noappend", "-all-root"]
    subprocess.run(command, check=True, capture_output=True)
    append_config(image, CONFIG)
    image.rename(folder / f"{hash_image(image)}.gvmi")
    shutil.rmtree(root)
    yield folder
    shutil.rmtree(folder)


def _build(root: Path) -> None:
    for name in ("bin", "golem/work", "golem/output", "proc", "sys", "dev", "tmp", "etc"):
        (root / name).mkdir(parents=True)
    (root / "tmp").chmod(0o1777)
    shutil.copy(BUSYBOX, root / "bin/busybox")
    listed = subprocess.run([BUSYBOX, "--list"], capture_output=True, text=True, check=True).stdout
    for name in listed.split():
        if name != "busybox":
            (root / "bin" / name).symlink_to("busybox")
