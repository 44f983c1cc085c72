"""What ``params.json`` may ask for, checked before Blender does anything."""

import json
import os
from dataclasses import dataclass

MAX_PIXELS = 16384
MAX_SAMPLES = 100_000
FORMATS = {"PNG": ".png", "JPEG": ".jpg", "BMP": ".bmp", "TIFF": ".tif", "OPEN_EXR": ".exr"}


@dataclass(frozen=True)
class Crop:
    """A part of the picture, its edges as fractions from 0 to 1 (from the left, from below), and its name."""

    basename: str
    left: float
    right: float
    bottom: float
    top: float

    @property
    def is_whole(self):
        """Whether this is the whole picture."""
        return (self.left, self.right, self.bottom, self.top) == (0.0, 1.0, 0.0, 1.0)


@dataclass(frozen=True)
class Parameters:
    """A rendering job: the scene, the picture's size, the quality, and where the pictures go."""

    scene_file: str
    width: int
    height: int
    samples: int
    frames: tuple
    crops: tuple
    use_compositing: bool
    output_format: str
    resources_dir: str
    output_dir: str

    def output_file(self, crop, frame):
        """Where the picture of ``crop`` in ``frame`` goes: ``out0007.png``."""
        name = f"{crop.basename}{frame:04d}{FORMATS[self.output_format]}"
        return os.path.join(self.output_dir, name)


def read_parameters(path):
    """The job described by the JSON file at ``path``.

    Raises:
        ValueError: it is no such description; the message names the field.
    """
    with open(path, encoding="utf-8") as file:
        given = json.load(file)
    try:
        return _parameters(given)
    except KeyError as error:
        raise ValueError(f"params.json does not say {error.args[0]!r}") from error
    except TypeError as error:
        raise ValueError(f"params.json is malformed: {error}") from error


def _parameters(given):
    width, height = given["resolution"]
    output_format = str(given.get("output_format", "PNG")).upper()
    if output_format not in FORMATS:
        raise ValueError(f"output_format must be one of {', '.join(FORMATS)}, not {output_format!r}")
    return Parameters(
        scene_file=str(given["scene_file"]),
        width=_whole("resolution", width, MAX_PIXELS),
        height=_whole("resolution", height, MAX_PIXELS),
        samples=_whole("samples", given.get("samples", 100), MAX_SAMPLES),
        frames=tuple(int(frame) for frame in given["frames"]),
        crops=tuple(_crop(crop) for crop in given["crops"]),
        use_compositing=bool(given.get("use_compositing", False)),
        output_format=output_format,
        resources_dir=str(given.get("RESOURCES_DIR", "/golem/resources")),
        output_dir=str(given.get("OUTPUT_DIR", "/golem/output")),
    )


def _crop(given):
    (left, right), (bottom, top) = given["borders_x"], given["borders_y"]
    if not (0 <= left < right <= 1 and 0 <= bottom < top <= 1):
        raise ValueError("a crop's borders must be fractions between 0 and 1, the lower one first")
    basename = str(given["outfilebasename"])
    if not basename or "/" in basename:
        raise ValueError(f"outfilebasename must be a plain name, not {basename!r}")
    return Crop(basename, float(left), float(right), float(bottom), float(top))


def _whole(name, value, limit):
    if not 1 <= int(value) <= limit:
        raise ValueError(f"{name} must be between 1 and {limit}, not {value}")
    return int(value)
