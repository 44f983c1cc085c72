"""What a requestor shares: kept for other tasks, but not all of it; killed processes leave nothing."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from golemnet.requestor import files, scratch
from golemnet.requestor.files import SharedFolder
from golemnet.requestor.scratch import scratch_folder


class Link:
    """Counts what is shared; an address is the content."""

    def __init__(self):
        self.shared: dict[str, int] = {}

    async def publish(self, path: Path) -> str:
        content = path.read_text()
        self.shared[content] = self.shared.get(content, 0) + 1
        return content

    async def close(self, url: str) -> None:
        self.shared[url] -= 1
        if not self.shared[url]:
            del self.shared[url]


@pytest.fixture
def shared(tmp_path):
    folder = SharedFolder(None)
    folder._folder, folder._link = tmp_path, Link()
    return folder


async def test_many_bytes_are_not_all_kept(shared, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MAX_IDLE", 3)
    for number in range(20):
        await shared.close(await shared.publish_bytes(b"%d" % number))
    assert list(shared._link.shared) == ["17", "18", "19"]
    assert len(list(tmp_path.iterdir())) == 3
    assert (len(shared._known), len(shared._uses)) == (3, 0)


async def test_what_is_in_use_stays(shared, monkeypatch):
    monkeypatch.setattr(files, "MAX_IDLE", 0)
    first, second = await shared.publish_bytes(b"x"), await shared.publish_bytes(b"x")
    assert shared._link.shared == {"x": 1}, "it is shared once"
    await shared.close(first)
    assert shared._link.shared == {"x": 1}
    await shared.close(second)
    assert shared._link.shared == {}
    assert await shared.publish_bytes(b"x") == "x"
    assert shared._link.shared == {"x": 1}


async def test_files_of_the_user_are_not_removed(shared, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MAX_IDLE", 0)
    mine = tmp_path / "mine" / "file"
    mine.parent.mkdir()
    mine.write_text("content")
    await shared.close(await shared.publish(mine))
    assert shared._link.shared == {}
    assert mine.read_text() == "content"


def test_a_killed_process_s_folder_is_swept_and_a_living_one_s_is_not(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    script = (
        "import time; from golemnet.requestor.scratch import scratch_folder\n"
        "with scratch_folder() as folder:\n    print(folder, flush=True)\n    time.sleep(60)"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", script],
            env={**os.environ, "TMPDIR": str(tmp_path)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    killed, living = started
    try:
        folders = [Path(each.stdout.readline().strip()) for each in started]
        killed.kill()
        killed.wait()
        for folder in folders:
            (folder / "content").write_text("x")
            os.utime(folder, times=(time.time() - 100,) * 2)
        (tmp_path / f"{scratch.PREFIX}other").symlink_to("/etc")
        with scratch_folder() as mine:
            assert [folder.exists() for folder in folders] == [False, True]
            assert mine.exists()
        assert not mine.exists()
    finally:
        living.kill()
        living.communicate()
