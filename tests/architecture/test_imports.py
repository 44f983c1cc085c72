from pathlib import Path

from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports


def test_imports_point_in_one_direction(monkeypatch):
    monkeypatch.chdir(Path(__file__).parents[2])

    assert lint_imports(config_filename="pyproject.toml", no_cache=True) == EXIT_STATUS_SUCCESS
