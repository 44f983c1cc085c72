"""Activities of bubblewrap over the same files of an image: each has its own changes, and pays for these."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from golemnet.runtime.clean_up import clean_up

pytestmark = pytest.mark.privileged
NOBODY = 61_236
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
SHARED = """
from msgspec.structs import replace
place = driver._folder.path.parent / "unpacked" / "image"
await driver.deploy(replace(IMAGE, unpacked=place, files={"/etc/hosts": b"ours"}), LIMITS, {})
await driver.start()
"""
BECOME_NOBODY = f"""
# what is imported late cannot be read by another user
import concurrent.futures.thread, ctypes, os, msgspec.structs, pyseccomp
import encodings.idna, encodings.unicode_escape
os.setgroups([]), os.setgid({NOBODY}), os.setuid({NOBODY})
ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)
"""
NO_NAMESPACES = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"'
CLEAN_UP = f"""
import sys
from pathlib import Path
from golemnet.runtime.clean_up import clean_up
{BECOME_NOBODY}
print(clean_up(Path(sys.argv[1])))
"""


@pytest.fixture
def plain(laboratory) -> Iterator:
    """A laboratory to which a plain user may go."""
    home = Path(tempfile.mkdtemp(prefix="golem-overlay-"))
    os.chown(home, NOBODY, NOBODY)
    image = home / "image"
    image.write_bytes(laboratory.image.read_bytes())
    yield type(laboratory)(image, home / "activity", laboratory.name)
    subprocess.run(["rm", "-rf", str(home)], check=True)


def test_changes_are_the_activity_s_own_and_count_alone(laboratory) -> None:
    body = SHARED + (
        "before = await driver.room()\n"
        "said = [await shell(driver, 'rm /bin/id; ln /bin/cat /bin/dog; echo more >> /etc/made'),\n"
        "    await shell(driver, 'cat /etc/made /etc/hosts; dog /etc/made; ls /bin/id')]\n"
        "return [LIMITS.storage_bytes - before, said, before - await driver.room()]"
    )
    for _ in range(2):
        taken, (first, second), used = json.loads(laboratory.run("bwrap", body))
        assert taken == 0
        assert first == [0, ""]
        assert second[1].startswith("more\noursmore\n")
        assert second[0] != 0
        assert 4096 <= used < 1 << 20
        assert not laboratory.work_dir.exists()
    assert (laboratory.work_dir.parent / "unpacked" / "image" / "root").is_dir()


def test_networks_and_shared_files_go_together(laboratory) -> None:
    body = SHARED + (
        "from ipaddress import IPv4Interface\n"
        "await shell(driver, 'echo before > /etc/made')\n"
        "namespace = await driver.network_namespace()\n"
        "await namespace.open_tun('eth0', IPv4Interface('10.5.0.1/24'), 1400)\n"
        "return await shell(driver, 'cat /etc/made /etc/hosts /proc/net/dev; unshare -U true')"
    )
    code, said = json.loads(laboratory.run("bwrap", body))
    assert said.startswith("before\nours")
    assert "eth0" in said
    assert code != 0


def test_where_there_are_no_namespaces_each_activity_unpacks_its_own(laboratory) -> None:
    body = SHARED + (
        "said = await shell(driver, 'echo more >> /etc/made; cat /etc/made /etc/hosts')\n"
        "return [said, dict(driver._root.namespaces)]"
    )
    command = ["unshare", "--user", "--map-root-user", "sh", "-c", NO_NAMESPACES, "sh"]
    command += laboratory.command("bwrap", body)
    done = subprocess.run(command, capture_output=True, text=True, timeout=40, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [[0, "more\nours"], {}]
    assert not laboratory.work_dir.exists()
    assert not (laboratory.work_dir.parent / "unpacked").exists()


@as_root
def test_what_a_killed_user_s_activity_leaves_can_be_removed_by_that_user(plain) -> None:
    """What hides removed files, locked folders, and what the kernel has made for itself."""
    body = SHARED + (
        "print(await shell(driver, 'rm -r /bin/id /root && mkdir -m 0 /locked /root'))\n"
        "print('up', flush=True)\n"
        "await asyncio.Event().wait()"
    )
    command = plain.command("bwrap", body)
    before, main, after = command[-1].partition("async def main")
    command[-1] = before + BECOME_NOBODY + main + after
    with subprocess.Popen(command, stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        assert [owner.stdout.readline() for _ in range(2)] == [b"(0, '')\n", b"up\n"]
        assert (plain.work_dir / "upper" / "locked").exists()
        assert clean_up(plain.work_dir.parent) == []
        owner.kill()
    removing = [sys.executable, "-c", CLEAN_UP, str(plain.work_dir.parent)]
    done = subprocess.run(removing, capture_output=True, text=True, timeout=40, check=False)
    assert done.stdout.endswith(f"['test-{plain.name}']\n"), done.stderr
    assert sorted(each.name for each in plain.work_dir.parent.iterdir()) == ["image", "unpacked"]
