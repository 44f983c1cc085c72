"""Programs that use up what an activity is granted, as texts for the Python of the image."""

from __future__ import annotations

from typing import Final

ODD_FILES: Final = """
import os, socket, stat
os.mkfifo("/golem/work/pipe")
socket.socket(socket.AF_UNIX).bind("/golem/work/socket")
os.mkdir("/golem/work/folder")
try:
    os.mknod("/golem/work/whiteout", stat.S_IFCHR, 0)
except OSError:
    pass
print(*("/golem/work/" + name for name in ("pipe", "socket", "folder", "whiteout", "pipe/x")))
"""

SPARSE: Final = """
import os
file = os.open("/golem/work/sparse", os.O_RDWR | os.O_CREAT)
for size in (1 << 43, 1 << 36, 1 << 30):
    try:
        os.ftruncate(file, size)
        print(size)
        break
    except OSError:
        continue
"""

FORKS: Final = """
import os, signal, time
children = []
try:
    while len(children) < 500:
        child = os.fork()
        if child == 0:
            time.sleep(60)
            os._exit(0)
        children.append(child)
except OSError:
    pass
print(len(children), flush=True)
for child in children:
    os.kill(child, signal.SIGKILL)
"""

ORPHANS: Final = """
import os
for _ in range(300):
    try:
        child = os.fork()
    except OSError:
        continue
    if child == 0:
        if os.fork():
            os._exit(0)
        os._exit(0)
    os.waitpid(child, 0)
"""

MEMORY: Final = """
import sys
data = bytearray(int(sys.argv[1]))
data[::4096] = b"x" * len(data[::4096])
print("held", len(data))
"""

SHARED_OUT_MEMORY: Final = """
import os, sys, time
size, count = int(sys.argv[1]), int(sys.argv[2])
read, write = os.pipe()
for _ in range(count):
    if os.fork() == 0:
        data = bytearray(size)
        data[::4096] = b"x" * len(data[::4096])
        os.write(write, b"x")
        time.sleep(60)
time.sleep(2.5)
os.set_blocking(read, False)
os.close(write)
said = os.read(read, count)
gone = 0
while True:
    child, _ = os.waitpid(-1, os.WNOHANG)
    if child == 0:
        break
    gone += 1
print((count - gone) * size if len(said) > gone else 0, flush=True)
os.kill(-1, 9)
"""

HIDDEN_MEMORY: Final = """
import ctypes, os, sys
want, held, block = int(sys.argv[1]), 0, bytes(1 << 20)
libc, files = ctypes.CDLL(None, use_errno=True), []
def fill(file):
    global held
    try:
        while held < want:
            held += os.write(file, block)
    except OSError:
        pass
try:
    for number in range(8):
        files.append(os.memfd_create(f"m{number}"))
        fill(files[-1])
except OSError:
    pass
for folder in ("/dev/shm", "/dev", "/dev/mqueue", "/dev/pts", "/proc"):
    try:
        fill(os.open(folder + "/bomb", os.O_WRONLY | os.O_CREAT))
    except OSError:
        pass
libc.shmat.restype = ctypes.c_void_p
while held < want:
    segment = libc.shmget(0, 16 << 20, 0o1600)
    if segment < 0:
        break
    address = libc.shmat(segment, None, 0)
    ctypes.memset(address, 1, 16 << 20)
    libc.shmdt(ctypes.c_void_p(address))
    held += 16 << 20
print(held)
"""

DISK: Final = """
import os, sys
want, held, block, number = int(sys.argv[1]), 0, os.urandom(1 << 20), 0
for folder in ("/golem/work", "/golem/output", "/tmp", "/"):
    os.makedirs(folder + "/bomb", exist_ok=True)
    try:
        while held < want:
            with open(f"{folder}/bomb/{number}", "wb", buffering=0) as file:
                for _ in range(4):
                    held += file.write(block)
            number += 1
            if number % 8 == 0:
                print(held, file=sys.stderr)
    except OSError:
        pass
print(held)
"""

ONE_FILE: Final = """
import os, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
want, held, block = int(sys.argv[1]), 0, os.urandom(1 << 20)
os.makedirs("/golem/work/bomb", exist_ok=True)
try:
    with open("/golem/work/bomb/file", "wb", buffering=0) as file:
        while held < want:
            held += file.write(block)
except OSError:
    pass
print(held)
"""

INODES: Final = """
import os, sys
most, made = int(sys.argv[1]), 0
os.makedirs("/golem/work/bomb", exist_ok=True)
try:
    while made < most:
        os.close(os.open(f"/golem/work/bomb/{made}", os.O_CREAT | os.O_WRONLY))
        made += 1
except OSError:
    pass
print(made)
"""

TIDY: Final = """
import shutil
for folder in ("/golem/work", "/golem/output", "/tmp", ""):
    shutil.rmtree(folder + "/bomb", ignore_errors=True)
"""

OUTPUT: Final = """
import os
block = b"x" * (1 << 16)
for _ in range(2048):
    os.write(1, block)
    os.write(2, block)
"""

SPIN: Final = """
import os, time
started = time.monotonic()
try:
    os.sched_setaffinity(0, range(os.cpu_count()))
except OSError:
    pass
for _ in range(4):
    if os.fork() == 0:
        while time.monotonic() - started < 2:
            pass
        os._exit(0)
for _ in range(4):
    os.wait()
used = os.times()
print((used.children_user + used.children_system) / (time.monotonic() - started))
"""

SURVIVORS: Final = """
import os, signal, time
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for number in range(1, 32):
                if number not in (signal.SIGKILL, signal.SIGSTOP):
                    signal.signal(number, signal.SIG_IGN)
            for descriptor in range(3):
                os.close(descriptor)
            time.sleep(600)
        os._exit(0)
"""

STUBBORN: Final = """
import os
os.makedirs("/golem/output/locked/inner")
open("/golem/output/locked/inner/file", "w").close()
os.chmod("/golem/output/locked/inner", 0)
os.chmod("/golem/output/locked", 0)
os.chdir("/golem/work")
for _ in range(3000):
    os.mkdir("d")
    os.chdir("d")
"""
