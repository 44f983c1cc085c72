"""The demo's pictures: are they pictures at all, and all of them on one sheet."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from PIL import Image, ImageDraw

from golemnet.errors import GolemError

SIZE = (800, 600)
_THUMB = (400, 300)
_COLUMNS = 3
_GAP = 12
_LABEL = 22
_BACKGROUND = (24, 26, 31)
_INK = (225, 228, 235)


def check_picture(path: Path) -> None:
    """See that ``path`` is a picture of the size that was asked for, and not of one colour.

    Raises:
        GolemError: it is not.
    """
    try:
        with Image.open(path) as picture:
            picture.load()
            size, extremes = picture.size, picture.convert("L").getextrema()
    except OSError as error:
        raise GolemError(f"{path.name} is not a picture.", why=str(error)) from error
    if size != SIZE or extremes[0] == extremes[1]:
        raise GolemError(f"{path.name} is not what was asked for.", why=f"Size {size}, shades {extremes}.")


def make_contact_sheet(pictures: Mapping[str, Path], sheet: Path) -> None:
    """Put ``pictures``, each under its label, on one sheet."""
    rows = -(-len(pictures) // _COLUMNS)
    cell = (_THUMB[0] + _GAP, _THUMB[1] + _GAP + _LABEL)
    canvas = Image.new("RGB", (_COLUMNS * cell[0] + _GAP, rows * cell[1] + _GAP), _BACKGROUND)
    pen = ImageDraw.Draw(canvas)
    for number, (label, path) in enumerate(pictures.items()):
        left = _GAP + number % _COLUMNS * cell[0]
        top = _GAP + number // _COLUMNS * cell[1]
        with Image.open(path) as picture:
            canvas.paste(picture.convert("RGB").resize(_THUMB), (left, top))
        pen.text((left, top + _THUMB[1] + 5), label, fill=_INK)
    canvas.save(sheet)
