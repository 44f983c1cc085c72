"""Layers over layers: whiteouts, links and hostile paths."""

import io
import tarfile

import pytest
from archives import FOLDER, layer
from hypothesis import given
from hypothesis import strategies as st

from golemnet.image.errors import BadSource
from golemnet.image.tree import Tree, split_path


def opened(data: bytes) -> tarfile.TarFile:
    return tarfile.open(fileobj=io.BytesIO(data))


def merged(*layers: dict[str, object]) -> dict[str, tarfile.TarInfo]:
    tree, out = Tree(), io.BytesIO()
    for files in layers:
        tree.add_layer(opened(layer(files)))
    tree.write(out)
    out.seek(0)
    with tarfile.open(fileobj=out) as archive:
        return {info.name: info for info in archive}


def test_upper_layer_replaces_and_adds():
    files = merged({"etc/a": b"old", "etc/b": b"b"}, {"etc/a": b"newer", "c": b""})
    assert list(files) == ["c", "etc", "etc/a", "etc/b"]
    assert files["etc/a"].size == 5


def test_owner_mode_and_time_are_kept():
    info = merged({"a": b"1"})["a"]
    assert (info.uid, info.mode, info.mtime) == (12, 0o755, 1_000_000)


def test_whiteout_deletes_a_file_and_a_folder():
    assert list(merged({"a": b"", "d/x/y": b"", "d/z": b""}, {".wh.a": b"", "d/.wh.x": b""})) == ["d", "d/z"]


def test_opaque_folder_hides_only_what_is_below():
    files = merged({"d/old": b""}, {"d/new": b"", "d/.wh..wh..opq": b""})
    assert list(files) == ["d", "d/new"]


def test_file_replaces_folder_and_folder_replaces_file():
    assert list(merged({"d/x": b"", "f": b""}, {"d": b"", "f": FOLDER, "f/y": b""})) == ["d", "f", "f/y"]


def test_folder_over_folder_keeps_what_is_inside():
    assert list(merged({"d/x": b""}, {"d": FOLDER})) == ["d", "d/x"]


def test_hard_links_stay_one_file():
    files = merged({"b": b"same", "a": "= b"})
    assert (files["a"].isfile(), files["b"].islnk(), files["b"].linkname) == (True, True, "a")


def test_hard_link_survives_the_deletion_of_its_target():
    files = merged({"b": b"same", "a": "= b"}, {".wh.b": b""})
    assert (list(files), files["a"].size) == (["a"], 4)


def test_path_through_a_link_stays_in_the_image():
    files = merged(
        {"usr/lib/x": b"", "lib": "-> usr/lib", "up": "-> ../../../usr"}, {"lib/y": b"", "up/z": b""}
    )
    assert set(files) == {"usr", "usr/lib", "usr/lib/x", "usr/lib/y", "usr/z", "lib", "up"}


@pytest.mark.parametrize(
    "files",
    [
        {"../etc/passwd": b""},
        {"a/../../b": b""},
        {"a": "= ../../etc/shadow"},
        {"a": "= missing"},
        {"f": b"", "f/below": b""},
        {"a": "-> b", "b": "-> a", "a/x": b""},
    ],
)
def test_hostile_archives_are_refused(files: dict[str, object]):
    with pytest.raises(BadSource):
        merged(files)


@given(st.text(alphabet="a./\0", max_size=30))
def test_no_path_leads_outside(path: str):
    try:
        assert not {"..", ".", ""} & set(split_path(path))
    except BadSource:
        pass


@given(st.binary(max_size=2000))
def test_any_bytes_are_a_layer_or_refused(data: bytes):
    try:
        Tree().add_layer(opened(layer({"x": b"x"})[:512] + data))
    except BadSource:
        pass


def test_a_layer_cut_short_is_refused():
    with pytest.raises(BadSource):
        Tree().add_layer(opened(layer({"x": b"x" * 5000})[:2000]))
