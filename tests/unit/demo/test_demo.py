"""The demo's own logic: parameters of the renderer, the pictures, the tutorial's script."""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image

from golemnet.errors import GolemError

DEMO = Path(__file__).parents[3] / "demo"


def load(path: str) -> ModuleType:
    name = "demo_" + Path(path).stem
    spec = importlib.util.spec_from_file_location(name, DEMO / path)
    assert spec
    assert spec.loader
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


parameters, pictures, script = load("blender/parameters.py"), load("pictures.py"), load("script.py")

JOB = {
    "scene_file": "/golem/resource/scene.blend",
    "resolution": (800, 600),
    "use_compositing": False,
    "crops": [{"outfilebasename": "out", "borders_x": [0.0, 1.0], "borders_y": [0.0, 0.5]}],
    "samples": 100,
    "frames": [10],
    "output_format": "PNG",
    "RESOURCES_DIR": "/golem/resources",
    "WORK_DIR": "/golem/work",
    "OUTPUT_DIR": "/golem/output",
}


def read(tmp_path: Path, **changes: object):
    path = tmp_path / "params.json"
    path.write_text(json.dumps(JOB | changes))
    return parameters.read_parameters(str(path))


def test_job_of_the_tutorial(tmp_path: Path):
    job = read(tmp_path)
    assert (job.width, job.height, job.samples, job.frames) == (800, 600, 100, (10,))
    assert job.output_file(job.crops[0], 10) == "/golem/output/out0010.png"
    assert not job.crops[0].is_whole


@pytest.mark.parametrize(
    "changes",
    [
        {"samples": 0},
        {"resolution": [0, 600]},
        {"resolution": 800},
        {"output_format": "EXE"},
        {"crops": [{"outfilebasename": "../x", "borders_x": [0, 1], "borders_y": [0, 1]}]},
        {"crops": [{"outfilebasename": "x", "borders_x": [1, 0], "borders_y": [0, 1]}]},
        {"crops": [{"outfilebasename": "x"}]},
    ],
)
def test_senseless_job_is_refused(tmp_path: Path, changes: dict[str, object]):
    with pytest.raises(ValueError):
        read(tmp_path, **changes)


def test_pictures_are_checked_and_put_on_a_sheet(tmp_path: Path):
    good, plain = tmp_path / "good.png", tmp_path / "plain.png"
    Image.linear_gradient("L").resize((800, 600)).save(good)
    Image.new("RGB", (800, 600)).save(plain)
    pictures.check_picture(good)
    with pytest.raises(GolemError):
        pictures.check_picture(plain)
    pictures.make_contact_sheet({f"frame {n}": good for n in range(6)}, tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width > 1200


def test_only_the_image_hash_of_the_tutorial_changes(tmp_path: Path):
    (tmp_path / "scene").write_bytes(b"BLENDER")
    script.prepare_folder(tmp_path, "ab" * 28, tmp_path / "scene")
    changed = (tmp_path / "example.py").read_text().splitlines()
    original = script.TUTORIAL.read_text().splitlines()
    differing = [new.strip() for old, new in zip(original, changed, strict=True) if old != new]
    assert differing == [f'image_hash="{"ab" * 28}",']
