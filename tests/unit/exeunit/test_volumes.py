import os

import pytest

from golemnet.exeunit.errors import TransferFailed
from golemnet.exeunit.volumes import Volumes
from golemnet.runtime.driver import Volume


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "vol-0"
    folder.mkdir()
    (tmp_path / "secret").write_text("secret")
    return folder


@pytest.fixture
def volumes(folder):
    return Volumes([Volume("/golem/work", folder, (os.getuid(), os.getgid()))])


def read(volumes, path):
    with volumes.open_to_read(path) as (file, size):
        return file.read(), size


def write(volumes, path, data):
    with volumes.open_to_write(path) as file:
        file.write(data)


def test_what_was_written_is_read(volumes, folder):
    write(volumes, "/golem/work/a/b/c", b"data")
    assert read(volumes, "/golem/work/a/b/c") == (b"data", 4)
    assert (folder / "a/b/c").read_bytes() == b"data"


def test_links_inside_work_and_links_outside_do_not(volumes, folder):
    (folder / "real").write_text("inner")
    (folder / "inner").symlink_to("real")
    assert read(volumes, "/golem/work/inner") == (b"inner", 5)
    for number, target in enumerate(
        ["../secret", str(folder.parent / "secret"), "/etc/passwd", "/proc/self/exe"]
    ):
        (folder / f"out{number}").symlink_to(target)
        with pytest.raises(TransferFailed):
            read(volumes, f"/golem/work/out{number}")


def test_writing_through_a_linked_folder_stays_inside(volumes, folder, tmp_path):
    (folder / "out").symlink_to(tmp_path)
    with pytest.raises(TransferFailed):
        write(volumes, "/golem/work/out/planted", b"x")
    assert not (tmp_path / "planted").exists()


def test_writing_replaces_a_link_and_not_its_target(volumes, folder, tmp_path):
    (folder / "file").symlink_to(tmp_path / "secret")
    write(volumes, "/golem/work/file", b"mine")
    assert (tmp_path / "secret").read_text() == "secret"
    assert not (folder / "file").is_symlink()


def test_a_broken_transfer_leaves_the_old_file(volumes, folder):
    (folder / "file").write_text("old")

    def break_off():
        with volumes.open_to_write("/golem/work/file") as file:
            file.write(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        break_off()
    assert os.listdir(folder) == ["file"]
    assert (folder / "file").read_text() == "old"


def test_pipes_folders_and_foreign_paths_are_refused(volumes, folder):
    os.mkfifo(folder / "pipe")
    (folder / "folder").mkdir()
    for path in ("/golem/work/pipe", "/golem/work/folder", "/golem/work", "/golem/workshop/x", "/etc/passwd"):
        with pytest.raises(TransferFailed):
            read(volumes, path)


def test_a_file_of_holes_that_no_disk_can_hold_is_refused(volumes, folder):
    with (folder / "sparse").open("wb") as file:
        file.truncate(1 << 43)
    with pytest.raises(TransferFailed, match="larger than the disk"):
        read(volumes, "/golem/work/sparse")
