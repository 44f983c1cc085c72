"""Making the host read or write its own files, by transfers of an activity that links and swaps."""

from __future__ import annotations

import asyncio
import contextlib
import io
import tarfile
from pathlib import Path

import bombs
from attacker import PYTHON, WAIT_S, Siege, way

from golemnet.exeunit.archives import pack, unpack
from golemnet.exeunit.errors import TransferFailed

TRANSFERS = 200
FLIP = """
import os, sys
inner, link = "/golem/work/inner", "/golem/work/outer"
os.makedirs(inner), os.symlink(sys.argv[1], link)
open(inner + "/" + sys.argv[2], "w").write("mine")
print("up", flush=True)
while True:
    for place in (inner, link):
        os.rename(place, "/golem/work/race")
        os.rename("/golem/work/race", place)
"""


@way
async def read_through_links(siege: Siege) -> str | None:
    targets = [siege.context["host_file"], "../" * 30 + siege.context["host_file"][1:]]
    targets += ["/proc/self/root" + siege.context["host_file"], "/proc/self/environ", "/proc/self/fd/0"]
    await siege.python(
        "import os, sys\nfor n, to in enumerate(sys.argv[1:]): os.symlink(to, f'/golem/work/l{n}')", *targets
    )
    found = [await siege.read(f"/golem/work/l{number}") for number in range(len(targets))]
    return next(filter(None, found), None)


@way
async def write_through_links(siege: Siege) -> str | None:
    link = "import os, sys; os.symlink(sys.argv[1], sys.argv[2])"
    await siege.python(link, str(siege.home), "/golem/work/to")
    await siege.python(link, siege.context["host_file"], "/golem/work/over")
    await siege.write("/golem/work/to/planted")
    await siege.write("/golem/work/over")
    return changed_outside(siege)


def changed_outside(siege: Siege) -> str | None:
    if (siege.home / "planted").exists():
        return "a file was planted beside the volume"
    text = Path(siege.context["host_file"]).read_text()
    return None if text == siege.context["secret"] else f"the host's file now holds {text[:100]}"


@way
async def swap_a_folder_for_a_link_while_it_is_used(siege: Siege) -> str | None:
    """The folder of a path is a link to the host's every other moment."""
    name = Path(siege.context["host_file"]).name
    racing = await siege.driver.run(PYTHON, ["-c", FLIP, str(siege.home), name])
    assert await asyncio.wait_for(racing.stdout.readline(), WAIT_S) == b"up\n"
    try:
        for _ in range(TRANSFERS):
            if await siege.read(f"/golem/work/race/{name}") == siege.context["secret"]:
                return "the host's file was read"
            await siege.write("/golem/work/race/planted")
        return changed_outside(siege)
    finally:
        await racing.kill()


@way
async def swap_a_folder_while_archives_are_made_and_unpacked(siege: Siege) -> str | None:
    name = Path(siege.context["host_file"]).name
    await siege.python("import shutil; [shutil.rmtree(f'/golem/work/{n}', True) for n in ('inner', 'race')]")
    await siege.python("import os; [os.path.lexists(p) and os.unlink(p) for p in ('/golem/work/outer',)]")
    racing = await siege.driver.run(PYTHON, ["-c", FLIP, str(siege.home), name])
    assert await asyncio.wait_for(racing.stdout.readline(), WAIT_S) == b"up\n"
    try:
        for _ in range(TRANSFERS):
            if siege.context["secret"] in await asyncio.to_thread(packed, siege, "/golem/work/race"):
                return "the host's file was packed"
            await asyncio.to_thread(unpacked, siege, "/golem/work/race")
        return changed_outside(siege)
    finally:
        await racing.kill()


def packed(siege: Siege, folder: str) -> list[str]:
    """What the files in the archive hold; none if it is refused."""
    out = io.BytesIO()
    try:
        pack(siege.volumes, folder, out, "none")
    except TransferFailed:
        return []
    out.seek(0)
    with tarfile.open(fileobj=out) as archive:
        return [file.read().decode() for each in archive if (file := archive.extractfile(each))]


def unpacked(siege: Siege, folder: str) -> None:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("planted"), io.BytesIO())
    data.seek(0)
    with contextlib.suppress(TransferFailed):
        unpack(data, "none", siege.volumes, folder, 1 << 20)


@way
async def hand_over_pipes_and_devices(siege: Siege) -> str | None:
    """None of them may be read, or make the host wait."""
    made = await siege.python(bombs.ODD_FILES)
    found = [await siege.read(path) for path in made.split()]
    await siege.write("/golem/work/pipe")
    return next((text for text in found if text is not None), None)


@way
async def name_paths_outside(siege: Siege) -> str | None:
    paths = ["/etc/passwd", "/golem/work/../../etc/passwd", "/golem/work/./../../etc/passwd", "//etc/passwd"]
    paths += [
        "/golem/workshop/x",
        "/golem/work",
        "/golem/work/",
        "/",
        "etc/passwd",
        "/golem/work/\0/etc/passwd",
    ]
    paths += [str(siege.context["host_file"]), "/golem/work/" + "a/" * 3000, "/proc/self/environ"]
    found = [await siege.read(path) for path in paths]
    return next(filter(None, found), None)


@way
async def send_more_than_there_is(siege: Siege) -> str | None:
    """A file without blocks of a size that no disk has."""
    size = await siege.python(bombs.SPARSE)
    read = await siege.read("/golem/work/sparse")
    await siege.python("import os; os.unlink('/golem/work/sparse')")
    return f"a file of {size.strip()} bytes would be sent" if size and read is not None else None
