"""An image with a Python for the attempts."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "system"))

PYTHON = Path("/usr/bin/python3")
MODULES = ("test", "idlelib", "tkinter", "lib2to3", "ensurepip", "pydoc_data", "__pycache__", "site-packages")
FAST = ("-quiet", "-no-progress", "-noappend", "-all-root", "-comp", "gzip", "-Xcompression-level", "1")


@pytest.fixture(scope="session")
def python_image() -> Iterator[Path]:
    """The system's Python as an image that every user may read."""
    if not PYTHON.exists():
        pytest.skip(f"the image is made of {PYTHON}, which is not there")
    folder = Path(tempfile.mkdtemp(prefix="golem-escape-image-"))
    folder.chmod(0o755)
    root, image = folder / "root", folder / "python.squashfs"
    for name in ("golem/work", "golem/output", "proc", "sys", "dev", "tmp", "etc"):
        (root / name).mkdir(parents=True)
    (root / "etc" / "hostname").write_text("image\n")
    _copy_python(root)
    subprocess.run(["mksquashfs", str(root), str(image), *FAST], check=True, capture_output=True)
    shutil.rmtree(root)
    yield image
    shutil.rmtree(folder)


def _copy_python(root: Path) -> None:
    program = PYTHON.resolve()
    library = Path("/usr/lib") / program.name
    shutil.copytree(library, root / library.relative_to("/"), ignore=shutil.ignore_patterns(*MODULES))
    extensions = (str(each) for each in (library / "lib-dynload").glob("*.so"))
    listed = subprocess.run(["ldd", program, *extensions], capture_output=True, text=True, check=False).stdout
    for source in {str(program), *re.findall(r"(/\S+\.so\S*)(?= \(0x)", listed)}:
        target = root / source.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
    (root / "usr/bin/python3").symlink_to(program.name)
