"""The pure parts: configuration, seccomp, programs, control groups on a made-up tree."""

import platform
import subprocess
from pathlib import Path

import pytest

from golemnet.runtime import cgroups, programs, seccomp
from golemnet.runtime.driver import Limits, Usage, Volume
from golemnet.runtime.oci_spec import Container, User, configuration, parse_user, process

DANGEROUS = (
    *("mount", "umount2", "unshare", "setns", "clone3", "ptrace", "bpf", "keyctl", "init_module"),
    *("kexec_load", "io_uring_setup", "userfaultfd", "perf_event_open", "open_by_handle_at"),
    *("process_vm_writev", "sethostname"),
)


def container() -> Container:
    volume = Volume("/golem/work", Path("/stage/vol-0"), (100_000, 100_000))
    limits = Limits(memory_bytes=1 << 20, storage_bytes=1 << 20, cpu_cores=0.5, processes=7)
    return Container("name", Path("/stage/root"), Path("/stage/pause"), [volume], limits, "x86_64")


def test_a_container_has_every_wall():
    linux = configuration(container())["linux"]
    assert {entry["type"] for entry in linux["namespaces"]} >= {
        "user",
        "pid",
        "network",
        "mount",
        "ipc",
        "uts",
    }
    assert linux["uidMappings"][0]["hostID"] > 0
    assert linux["resources"]["memory"] == {"limit": 1 << 20, "swap": 1 << 20}
    assert linux["resources"]["cpu"] == {"quota": 50_000, "period": 100_000}
    assert linux["resources"]["pids"] == {"limit": 7}
    assert "/proc/kcore" in linux["maskedPaths"]
    assert "/proc/sys" in linux["readonlyPaths"]


def test_every_process_loses_its_privileges():
    specification = process(["/bin/true"], {"A": "b"}, "/", User(1, 2))
    assert specification["noNewPrivileges"] is True
    assert all(granted == [] for granted in specification["capabilities"].values())
    assert specification["user"] == {"uid": 1, "gid": 2}


@pytest.mark.parametrize("name", DANGEROUS)
def test_dangerous_calls_are_not_allowed(name):
    entries = seccomp.profile("x86_64")["syscalls"]
    assert all(name not in entry["names"] for entry in entries)


def test_clone_and_socket_are_allowed_under_conditions_only():
    entries = seccomp.profile("x86_64")["syscalls"]
    for name in ("clone", "socket"):
        assert all(entry.get("args") for entry in entries if name in entry["names"])
    assert 40 not in seccomp.SOCKET_FAMILIES.values()


@pytest.mark.parametrize(("text", "user"), [("", User()), ("7", User(7, 0)), ("7:8", User(7, 8))])
def test_users(text, user):
    assert parse_user(text) == user


@pytest.mark.parametrize("text", ["root", "70000", "-1", "1:x"])
def test_users_that_are_not_mapped(text):
    with pytest.raises(ValueError):
        parse_user(text)


def test_the_programs_are_programs(tmp_path):
    true, pause = tmp_path / "true", tmp_path / "pause"
    true.write_bytes(programs.true_program(platform.machine()))
    pause.write_bytes(programs.pause_program(platform.machine()))
    for file in (true, pause):
        file.chmod(0o755)
    assert subprocess.run([true], check=False, timeout=5).returncode == 0
    with pytest.raises(subprocess.TimeoutExpired):
        subprocess.run([pause], check=False, timeout=0.2)


def test_usage_of_both_versions_of_control_groups(tmp_path):
    unified, split = tmp_path / "v2", tmp_path / "v1"
    (unified / "golem" / "c").mkdir(parents=True)
    (unified / "cgroup.controllers").write_text("cpu memory")
    (unified / "golem/c/cpu.stat").write_text("usage_usec 1500000\nuser_usec 1\n")
    (unified / "golem/c/memory.peak").write_text("4096\n")
    for controller, file, value in (
        ("cpuacct", "cpuacct.usage", "1500000000"),
        ("memory", "memory.max_usage_in_bytes", "4096"),
    ):
        (split / controller / "golem" / "c").mkdir(parents=True)
        (split / controller / "golem" / "c" / file).write_text(value)
    for root in (unified, split):
        assert cgroups.read_usage("c", root) == Usage(cpu_sec=1.5, memory_peak_bytes=4096)
        assert cgroups.read_usage("other", root) is None
    assert cgroups.groups_of("c", unified) == [unified / "golem" / "c"]
    assert cgroups.groups_of("c", split) == [split / "cpuacct/golem/c", split / "memory/golem/c"]


def test_a_hybrid_tree_is_recognised(tmp_path):
    (tmp_path / "unified").mkdir()
    (tmp_path / "unified" / "cgroup.procs").touch()
    assert cgroups.is_hybrid(tmp_path)
    assert not cgroups.is_unified(tmp_path)
