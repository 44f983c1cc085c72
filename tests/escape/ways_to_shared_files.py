"""Changing files of the image, which other activities may have from the same place."""

from __future__ import annotations

from typing import Final

from attacker import Siege, store, way

LOOK: Final = """
import hashlib, os, sys
for place in sys.argv[1:]:
    try:
        facts, found = os.lstat(place), os.listxattr(place)
        text = repr(os.listdir(place)).encode() if os.path.isdir(place) else open(place, "rb").read()
        print(place, oct(facts.st_mode), facts.st_mtime_ns, found, hashlib.sha256(text).hexdigest())
    except OSError as error:
        print(place, error)
"""

CHANGE: Final = """
import mmap, os, shutil, sys
target, folder, kept = sys.argv[1:4]
def append(path):
    with open(path, "ab") as file:
        file.write(b"#")
def map_it(path):
    file = os.open(path, os.O_RDONLY)
    mmap.mmap(file, 0, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)[0] = 35
def swap(path):
    os.rename(path, path + "-")
    with open(path, "w") as file:
        file.write("planted")
def link(path, to):
    os.link(path, to)
    append(to)
    os.truncate(to, 1)
opened = os.open(target, os.O_RDONLY)
through = [f"/proc/self/fd/{opened}", "/proc/self/root" + target, "/proc/1/root" + target, "/proc/self/exe"]
through += ["/proc/self/cwd/" + "../" * 40 + target, kept + target, kept + "/root" + target]
ways = [lambda path=path: append(path) for path in through]
mapped = os.listdir("/proc/self/map_files")
ways += [lambda name=name: append(f"/proc/self/map_files/{name}") for name in mapped]
ways += [lambda to=to: link(target, to) for to in ("/golem/work/link", "/golem/output/link", "/tmp/link")]
for name in ("user.any", "user.overlay.redirect", "user.overlay.opaque", "user.overlay.metacopy"):
    for place in (target, folder, "/golem/work", opened):
        ways.append(lambda place=place, name=name: os.setxattr(place, name, b"y"))
ways += [
    lambda: map_it(target), lambda: append(target), lambda: os.fchmod(opened, 0),
    lambda: os.utime(opened, (1, 1)),
    lambda: os.rename(target, "/golem/work/moved"), lambda: swap(target), lambda: os.truncate(target, 0),
    lambda: os.chmod(folder, 0o777), lambda: swap(folder), lambda: os.utime(folder, (1, 1)),
    lambda: shutil.rmtree(folder), lambda: os.unlink(target), lambda: os.mkdir(target),
    lambda: os.mknod(target + "+", 0o20600, 0), lambda: os.chmod("/", 0o777),
]
done = 0
for each in ways:
    try:
        each()
        done += 1
    except (OSError, ValueError):
        pass
print(done)
"""


@way
async def change_what_others_have_from_the_same_image(siege: Siege) -> str | None:
    """Own copies may be changed at will; the neighbour must not see it."""
    library = (await siege.python("import os; print(os.path.dirname(os.__file__))")).strip()
    target, folder = f"{library}/this.py", f"{library}/wsgiref"
    seen = ("/", library, folder, f"{folder}/util.py", target, "/usr/bin/python3", "/etc/hostname")
    before = await siege.neighbours_python(LOOK, *seen)
    changed = int(await siege.python(CHANGE, target, folder, str(store(siege.context))) or 0)
    if changed == 0 or not before:
        return "no way was really tried"
    after = await siege.neighbours_python(LOOK, *seen)
    return None if after == before else f"the neighbour has\n{after}\ninstead of\n{before}"
