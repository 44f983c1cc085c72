"""The parts of virtual machines that can be looked at without one."""

from __future__ import annotations

import asyncio
import lzma
import os
import platform
import secrets
import socket
import subprocess
from ipaddress import IPv4Interface
from pathlib import Path

import msgspec
import pytest
import zstandard

from golemnet.runtime.driver import Limits
from golemnet.runtime.errors import NoRuntime, RuntimeFailure
from golemnet.runtime.oci_spec import User
from golemnet.runtime.selection import AS_ROOT, AS_USER, candidates, make_driver, usual
from golemnet.runtime.vm import cpio, enter
from golemnet.runtime.vm.guest_network import GuestNetwork
from golemnet.runtime.vm.kernels import Kernel, find_kernel, modules_of
from golemnet.runtime.vm.link import Link, OutputPort
from golemnet.runtime.vm.machine import Machine, Tools, command_line

TIMEOUT_S = 20
TOOLS = Tools(qemu="qemu", bwrap="bwrap", env="env", prlimit="prlimit", setpriv="setpriv", taskset="taskset")
MACHINE = Machine(
    accelerator="kvm",
    limits=Limits(memory_bytes=1 << 30, storage_bytes=1 << 30, cpu_cores=1.5),
    kernel=3,
    first_files=4,
    image=5,
    disk=[6, 7],
    ports=[8, 9],
    wire=10,
    volumes=Path("/stage/volumes"),
    user=User(1000, 1001),
    host_user=User(100_000, 100_000),
    processors=[0, 1],
)


def test_an_archive_is_what_cpio_understands(tmp_path: Path) -> None:
    made = cpio.archive([cpio.folder("a"), cpio.Entry("a/file", b"text"), cpio.link("a/link", "file")])
    command = ["busybox", "cpio", "-i", "-d"]
    subprocess.run(command, input=made, cwd=tmp_path, check=True, capture_output=True)
    assert (tmp_path / "a/link").read_text() == "text"
    assert os.access(tmp_path / "a/file", os.X_OK)


def module(name: str, *needs: str) -> bytes:
    return f"code of {name}\0depends={','.join(needs)}\0vermagic=6\0".encode()


@pytest.fixture
def kernel(tmp_path: Path) -> Kernel:
    """A folder as a kernel's package makes it; its modules are compressed in every way."""
    modules = tmp_path / "lib/modules/6.1"
    (modules / "kernel").mkdir(parents=True)
    (tmp_path / "boot").mkdir()
    (tmp_path / "boot/vmlinuz-6.1").write_bytes(b"kernel")
    (modules / "kernel/9p.ko.xz").write_bytes(lzma.compress(module("9p", "9pnet", "net-fs")))
    (modules / "kernel/9pnet.ko.zst").write_bytes(zstandard.compress(module("9pnet")))
    (modules / "kernel/net-fs.ko").write_bytes(module("netfs", "9pnet"))
    (modules / "modules.order").write_text("kernel/9p.ko\nkernel/9pnet.ko\nkernel/net-fs.ko\n")
    return Kernel(tmp_path / "boot/vmlinuz-6.1", modules)


def test_modules_are_loaded_after_what_they_need(kernel: Kernel, tmp_path: Path) -> None:
    found = find_kernel({"GOLEM_VM_KERNEL": str(tmp_path)})
    assert found == kernel
    assert modules_of(found) == [module("9pnet"), module("netfs", "9pnet"), module("9p", "9pnet", "net-fs")]


def test_what_was_fetched_serves_where_nothing_is_named(kernel: Kernel, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "kernel").symlink_to(tmp_path)
    found = find_kernel({"GOLEM_CACHE_DIR": str(cache)})
    assert found.file in (cache / "kernel/boot/vmlinuz-6.1", *Path("/boot").glob("vmlinuz-*"))


def test_a_kernel_that_cannot_share_folders_is_none(kernel: Kernel, tmp_path: Path) -> None:
    (kernel.modules / "modules.order").write_text("kernel/ext4.ko\n")
    with pytest.raises(NoRuntime, match="GOLEM_VM_KERNEL"):
        find_kernel({"GOLEM_VM_KERNEL": str(tmp_path)})


def test_a_kernel_whose_modules_are_not_all_there_is_none(kernel: Kernel, tmp_path: Path) -> None:
    (kernel.modules / "kernel/9pnet.ko.zst").unlink()
    with pytest.raises(NoRuntime, match="all others that machines need"):
        find_kernel({"GOLEM_VM_KERNEL": str(tmp_path)})


def test_qemu_is_walled_in_itself() -> None:
    line = " ".join(command_line(MACHINE, TOOLS))
    before, _, qemu = line.partition(" -- qemu ")
    assert "--reuid=100000" in before
    assert "--unshare-all" in before
    assert "--uid 1000 --gid 1001" in before
    assert "--bind /stage/volumes /volumes" in before
    assert "--dev-bind /dev/kvm /dev/kvm" in before
    assert "-sandbox on" in qemu
    assert "-nodefaults" in qemu
    assert "-smp 2" in qemu
    assert qemu.count("netdev") == 2
    assert "-netdev socket,id=wire,fd=10 -device virtio-net-pci,netdev=wire," in qemu
    assert set(MACHINE.files) == set(range(3, 11))


def test_who_may_not_use_the_device_by_himself_may_by_its_group() -> None:
    line = " ".join(command_line(msgspec.structs.replace(MACHINE, device_group=108), TOOLS))
    assert "--reuid=100000 --regid=100000 --groups=108" in line
    assert "--clear-groups" in " ".join(command_line(MACHINE, TOOLS))


def test_only_hardware_gets_the_device_and_only_root_becomes_another() -> None:
    emulated = msgspec.structs.replace(MACHINE, accelerator="tcg", host_user=None)
    line = " ".join(command_line(emulated, TOOLS))
    assert "/dev/kvm" not in line
    assert "setpriv" not in line


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the program is for x86-64")
@pytest.mark.skipif(os.geteuid() != 0, reason="it becomes another user")
def test_a_command_is_entered_as_its_user_in_its_folder(tmp_path: Path) -> None:
    program = tmp_path / "enter"
    program.write_bytes(enter.program("/", "/tmp", User(1234, 5678)))
    program.chmod(0o755)
    environment = {"PATH": "/nowhere:/usr/bin:/bin", "NAME": "two words"}
    script = 'echo "$0" "$NAME" "$1"; pwd; id -u; id -G'
    words = enter.arguments("sh", ["-c", script, "zero", "one"], environment)
    words[words.index(enter.PATH)] = str(program)
    done = subprocess.run(
        ["env", "-i", *words], capture_output=True, text=True, timeout=TIMEOUT_S, check=True
    )
    assert done.stdout == "zero two words one\n/tmp\n1234\n5678\n"
    missing = [str(program), *enter.arguments("/no/such", [], {})[1:]]
    failed = subprocess.run(missing, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert (failed.returncode, failed.stderr) == (127, "cannot run: /no/such")


class Transport(asyncio.Transport):
    """Says whether it is to read on."""

    reading = True

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
async def test_an_output_ends_at_its_mark_however_it_is_cut(size: int) -> None:
    port, mark = OutputPort(), b"\x1e" + secrets.token_hex(16).encode()
    port.connection_made(Transport())
    for output in (b"", b"text", b"text\x1e", b"\x1e" + mark[1:20] + b"\x1e\x1e", os.urandom(100)):
        stream = port.begin(mark)
        data = output + mark
        for start in range(0, len(data), size):
            assert not port.free.is_set()
            port.data_received(data[start : start + size])
        assert await asyncio.wait_for(stream.read(), TIMEOUT_S) == output
        assert port.free.is_set()


async def test_what_is_no_mark_is_not_held_back_and_too_much_is_not_taken() -> None:
    port, transport = OutputPort(), Transport()
    port.connection_made(transport)
    stream = port.begin(b"\x1emark")
    port.data_received(b"first\n")
    assert await stream.readline() == b"first\n"
    port.data_received(bytes(1 << 20))
    assert not transport.reading
    await stream.readexactly(1 << 20)
    assert transport.reading
    port.connection_lost(None)
    assert await stream.read() == b""


async def test_a_machine_is_asked_once_it_is_up_and_late_answers_are_passed_over() -> None:
    """Its usage is asked for each second, also while it boots."""
    link = Link(0)
    with socket.socket(fileno=os.dup(link.guest_ends[0])) as guest:
        await link.open()
        booting = asyncio.create_task(link.comes_up(TIMEOUT_S))
        assert await asyncio.wait_for(link.ask("usage"), TIMEOUT_S) == []
        guest.send(b"ready\n")
        assert await asyncio.wait_for(booting, TIMEOUT_S)
        assert await link.ask("usage", 0.01) == []
        guest.send(b"usage 5\nip 0\n")
        assert await link.ask("ip link", TIMEOUT_S) == ["ip", "0"]
        assert guest.recv(1000) == b"usage\nip link\n"
    assert await link.ask("usage", TIMEOUT_S) == []
    link.close()


async def test_a_guest_that_cannot_be_in_a_network_is_not_believed_to_be() -> None:
    link = Link(0)
    network = GuestNetwork(link)
    with socket.socket(fileno=os.dup(link.guest_ends[0])) as guest:
        await link.open()
        await network.open()
        guest.send(b"ready\nip 0\nip 1\n")
        assert await link.comes_up(TIMEOUT_S)
        with pytest.raises(RuntimeFailure, match="address add"):
            await network.open_tun("eth0", IPv4Interface("10.5.0.2/24"), 8192)
    await network.close()
    link.close()


def test_hardware_comes_first_and_emulation_only_if_it_is_asked_for() -> None:
    containers = AS_ROOT if os.geteuid() == 0 else AS_USER
    assert candidates({}) == ("vm", *containers)
    assert candidates({"GOLEM_RUNTIME": "vm-emulated"}) == ("vm-emulated",)
    assert usual() in containers


def test_a_machine_that_cannot_says_so_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("golemnet.runtime.vm.driver.KVM", tmp_path / "kvm")
    with pytest.raises(NoRuntime, match="KVM"):
        make_driver("vm", "name", tmp_path / "work")
