"""From every kind of source to a gvmi, with the real mksquashfs."""

import shutil
import subprocess
import time
from pathlib import Path

import pytest
from archives import FOLDER, docker_archive, layer, oci_layout

from golemnet.image.builder import build_image
from golemnet.image.errors import BadSource, MissingTool
from golemnet.image.gvmi import hash_image, read_config

pytestmark = pytest.mark.skipif(shutil.which("mksquashfs") is None, reason="squashfs-tools are not installed")

LOWER = layer({"bin": FOLDER, "bin/run": b"#!/bin/sh", "etc/passwd": b"blend:x:7:8::/:\n", "old": b""})
CONFIG = {"Env": ["A=1"], "User": "blend", "WorkingDir": "/golem/work", "Volumes": {"/golem/work": {}}}


def names(image: Path) -> set[str]:
    listing = subprocess.run(["unsquashfs", "-l", image], capture_output=True, text=True, check=True).stdout
    return {line.removeprefix("squashfs-root/") for line in listing.splitlines() if "/" in line}


@pytest.mark.parametrize("make", [docker_archive, oci_layout])
def test_layers_become_one_image(tmp_path: Path, make):
    source = make(tmp_path / "source", [LOWER, layer({".wh.old": b"", "new": b"n"})], CONFIG)
    image = build_image(source, tmp_path / "a.gvmi")
    assert names(image.path) == {"bin", "bin/run", "etc", "etc/passwd", "new"}
    config = read_config(image.path)
    assert (config.user, config.environment, config.volume_paths) == ("7:8", {"A": "1"}, ["/golem/work"])
    assert (image.sha3, image.size) == (hash_image(image.path), image.path.stat().st_size)


def test_folder_becomes_an_image_with_the_usual_volumes(tmp_path: Path):
    (tmp_path / "root" / "bin").mkdir(parents=True)
    (tmp_path / "root" / "bin" / "x").symlink_to("/etc/shadow")
    image = build_image(tmp_path / "root", tmp_path / "a.gvmi", volumes=["/data"], env=["B=2"])
    assert names(image.path) == {"bin", "bin/x"}
    config = read_config(image.path)
    assert config.volume_paths == ["/data", "/golem/output", "/golem/resource", "/golem/work"]
    assert config.environment == {"B": "2"}


def test_same_source_gives_the_same_hash(tmp_path: Path):
    files = {f"f{number}": bytes([number]) * 5000 for number in range(200)}
    source = docker_archive(tmp_path / "source", [layer(files)], {})
    first = build_image(source, tmp_path / "a.gvmi").sha3
    time.sleep(1.1)  # a squashfs knows seconds
    assert build_image(source, tmp_path / "b.gvmi").sha3 == first


def test_nothing_is_left_of_a_failed_build(tmp_path: Path):
    source = docker_archive(tmp_path / "source", [layer({"../x": b""})], {})
    with pytest.raises(BadSource):
        build_image(source, tmp_path / "a.gvmi")
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


@pytest.mark.parametrize("config", [{"User": "nobody-here"}, {"Volumes": {"../x": {}}}, {"Env": "A=1"}])
def test_senseless_set_up_is_refused(tmp_path: Path, config: dict[str, object]):
    source = docker_archive(tmp_path / "source", [layer({"a": b""})], config)
    with pytest.raises(BadSource):
        build_image(source, tmp_path / "a.gvmi")


def test_damaged_layer_of_an_oci_layout_is_refused(tmp_path: Path):
    source = oci_layout(tmp_path / "source", [layer({"a": b""})], {})
    blob = max((source / "blobs" / "sha256").iterdir(), key=lambda path: path.read_bytes()[:2] == b"\x1f\x8b")
    blob.write_bytes(blob.read_bytes() + b"x")
    with pytest.raises(BadSource, match="damaged"):
        build_image(source, tmp_path / "a.gvmi")


def test_neither_folder_nor_archive(tmp_path: Path):
    (tmp_path / "text").write_text("no archive" * 200)
    with pytest.raises(BadSource):
        build_image(tmp_path / "text", tmp_path / "a.gvmi")


def test_missing_tool_names_the_command_that_installs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "root").mkdir()
    monkeypatch.setattr(shutil, "which", lambda *args, **options: None)
    with pytest.raises(MissingTool, match="apt-get install --no-install-recommends squashfs-tools"):
        build_image(tmp_path / "root", tmp_path / "a.gvmi")
