"""What the documents say is there: files, targets, programs, settings, constants, packages."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
import tomllib
from datetime import timedelta
from pathlib import Path

import pytest

from golemnet.daemon.settings import OPTIONS, load_settings

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("[a-z]*/**/*.md")])
ARCHITECTURE = ROOT / "docs" / "architecture.md"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())

FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
BOUND = re.compile(r"^\| .+ \| (.+) \| \[([A-Z_]+)\]\(\.\./src/(.+)\.py\) \|$", re.MULTILINE)
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
UNITS_S = {"day": 86400, "h": 3600, "min": 60}
UNITS_BYTES = {"GiB": 1024**3, "MiB": 1024**2, "KiB": 1024}


def name_of(document: Path) -> str:
    return str(document.relative_to(ROOT))


def prose(document: Path) -> str:
    return FENCE.sub("", document.read_text())


def links(document: Path) -> list[str]:
    return [link for link in LINK.findall(prose(document)) if "://" not in link]


def anchors(document: Path) -> set[str]:
    """The headings of a document as links name them."""
    headings = (re.sub(r"[^\w\- ]", "", each.lower()) for each in HEADING.findall(prose(document)))
    return {heading.replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_links_lead_somewhere(document: Path):
    for link in links(document):
        path, _, anchor = link.partition("#")
        target = document.parent / path if path else document
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_the_readme_leads_to_the_other_documents():
    assert {"docs/architecture.md", "CONTRIBUTING.md", "CHANGELOG.md"} <= set(links(ROOT / "README.md"))


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_targets_that_are_named_can_be_made(document: Path):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", document.read_text(), re.MULTILINE))
    assert named <= targets


def test_contributing_names_every_target_that_helps():
    documented = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert documented <= set(re.findall(r"`make ([a-z-]+)`", (ROOT / "CONTRIBUTING.md").read_text()))


def test_the_readme_names_the_programs():
    table = (ROOT / "README.md").read_text().partition("\n## The programs\n")[2].partition("\n## ")[0]
    first_cells = re.findall(r"^\| (`.+?) \|", table, re.MULTILINE)
    named = [program for cell in first_cells for program in re.findall(r"`([a-z-]+)`", cell)]
    assert sorted(named) == sorted(PROJECT["project"]["scripts"])


def test_the_template_names_the_settings_of_the_daemon():
    lines = re.findall(r"^#?([A-Z_]+)=(.*)$", (ROOT / ".env-template").read_text(), re.MULTILINE)
    assert sorted(name for name, _ in lines) == sorted(option.variable for option in OPTIONS)
    load_settings(environment=dict(lines))


def has_state_table(module: Path) -> bool:
    """Whether a dictionary leads from (state, what happens) to a state of the same kind."""
    dictionaries = (node for node in ast.walk(ast.parse(module.read_text())) if isinstance(node, ast.Dict))
    return any(
        is_step(key, value)
        for dictionary in dictionaries
        for key, value in zip(dictionary.keys, dictionary.values, strict=True)
    )


def is_step(key: ast.expr | None, value: ast.expr) -> bool:
    if not isinstance(key, ast.Tuple) or not isinstance(value, ast.Attribute):
        return False
    state = key.elts[0]
    return isinstance(state, ast.Attribute) and ast.dump(state.value) == ast.dump(value.value)


def test_every_state_table_is_shown():
    tables = {module for module in (ROOT / "src").rglob("*.py") if has_state_table(module)}
    machines = ARCHITECTURE.read_text().partition("\n## State machines\n")[2].partition("\n## ")[0]
    shown = {(ARCHITECTURE.parent / link).resolve() for link in LINK.findall(machines)}
    assert len(tables) >= 6
    assert tables <= shown


def test_the_map_shows_the_layers():
    layers = next(each["layers"] for each in PROJECT["tool"]["importlinter"]["contracts"] if "layers" in each)
    section = ARCHITECTURE.read_text().partition("\n## The packages\n")[2]
    lines = section.partition("\n```\n")[2].partition("\n```")[0].splitlines()
    assert [re.split(r" {2,}", line)[0] for line in lines] == layers


def test_bounds_are_those_of_the_code():
    bounds = BOUND.findall(ARCHITECTURE.read_text())
    section = ARCHITECTURE.read_text().partition("\n## Bounds\n")[2].partition("\n## ")[0]
    assert len(bounds) == section.count("\n| ") - 1  # all rows but the head
    for stated, constant, path in bounds:
        module = importlib.import_module(path.replace("/", "."))
        assert stated == in_words(constant, getattr(module, constant)), constant


def test_the_model_of_scale_is_that_of_the_code():
    model = [sys.executable, str(ROOT / "benchmarks" / "scale_model.py")]
    printed = subprocess.run(model, check=True, capture_output=True, text=True).stdout
    assert printed in (ROOT / "docs" / "scale.md").read_text()


def in_words(name: str, value: float | timedelta) -> str:
    """A bound as the table writes it; the unit is the largest that gives a whole number."""
    if isinstance(value, timedelta):
        return _in_units(value.total_seconds(), UNITS_S, "s")
    if name.endswith("_S"):
        return _in_units(value, UNITS_S, "s")
    return _in_units(value, UNITS_BYTES, "bytes") if name.endswith("_BYTES") else f"{value:,}"


def _in_units(value: float, units: dict[str, int], smallest: str) -> str:
    for unit, size in units.items():
        if value % size == 0:
            count = value // size
            return f"{count:g} {unit}{'s' if unit == 'day' and count != 1 else ''}"
    return f"{value:g} {smallest}"
