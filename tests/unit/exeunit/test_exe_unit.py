"""The whole program against a daemon's surface, with real containers."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import os
import signal
import subprocess
import tarfile
from collections.abc import Callable
from ipaddress import IPv4Address
from pathlib import Path

import psutil
import pytest

from golemnet.model.packets import addresses_of
from golemnet.rest.exeunit import ExecBatch, Hello, StateChanged, Stop, Suspend
from golemnet.runtime.cgroups import groups_of
from golemnet.runtime.clean_up import clean_up
from golemnet.runtime.ping import echo_request

pytestmark = [
    pytest.mark.privileged,
    pytest.mark.skipif(os.geteuid() != 0, reason="containers of this driver need root"),
]

CONTAINER = "golem-0123456789abcdef0123456789abcdef"
NODE = "0x" + "ab" * 20
OUT = f"gftp://{NODE}/out"
DEPLOY = ({"deploy": {}}, {"start": {}})
LOOPS = f": {os.getpid()}; while :; do :; done & while :; do :; done"
CAPTURE = {"stdout": {"stream": {}}, "stderr": {"stream": {}}}


def shell(script: str, capture: dict | None = None) -> dict:
    body = {"entry_point": "/bin/sh", "args": ["-c", script]}
    return {"run": body if capture is None else {**body, "capture": capture}}


def transfer(source: str, target: str, archive: str | None = None) -> dict:
    form = {} if archive is None else {"format": archive}
    return {"transfer": {"from": source, "to": target, **form}}


def tar_of(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def traces(work_dir: Path) -> list[str]:
    """What a dead ExeUnit may have left on the machine."""
    mounts = Path("/proc/mounts").read_text()
    loops = subprocess.run(["losetup", "-a"], capture_output=True, text=True, check=True).stdout
    text = mounts + loops
    return [line for line in text.splitlines() if str(work_dir) in line]


def is_running(command_line: str) -> bool:
    found = subprocess.run(["pgrep", "-f", command_line], capture_output=True, check=False)
    return found.returncode == 0


async def eventually(check: Callable[[], bool]) -> None:
    """The kernel takes a moment to end a pid namespace, and nothing tells when it has."""
    async with asyncio.timeout(20):
        while not await asyncio.to_thread(check):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_files_go_in_are_worked_on_and_come_out(daemon, unit):
    daemon.files["in"] = b"cubes"
    results = await daemon.run(
        "one",
        *DEPLOY,
        transfer(f"gftp://{NODE}/in", "container:/golem/resource/deep/scene"),
        shell(
            "cat /golem/resource/deep/scene > /golem/output/out; echo $GREETING; echo bad >&2; id -u", CAPTURE
        ),
        transfer("container:/golem/output/out", f"gftp://{NODE}/out"),
    )
    assert [result.result for result in results] == ["Ok"] * 5
    assert results[3].stdout == "hello\n0\n"
    assert results[3].stderr == "bad\n"
    assert [result.is_batch_finished for result in results] == [False] * 4 + [True]
    assert daemon.files["out"] == b"cubes"
    assert daemon.states == ["Initialized", "Deployed", "Ready"]


async def test_a_file_crosses_once_for_all_activities(daemon, unit):
    data = os.urandom(100_000)
    digest = hashlib.sha3_256(data).hexdigest()
    daemon.files[digest] = data
    bring = transfer(f"gftp://{NODE}/{digest}", "container:/golem/work/file")
    for batch in ("first", "second"):
        results = await daemon.run(batch, *DEPLOY, bring, transfer("container:/golem/work/file", OUT))
        assert [result.result for result in results] == ["Ok"] * len(results), results
        assert daemon.files.pop("out") == data
        await unit.stop_now()
        await unit.start()
    assert daemon.reads == 1


async def test_folders_go_in_and_out_as_archives(daemon, unit):
    daemon.files["in.tgz"] = tar_of({"scene/a": b"one", "scene/deep/b": b"two"})
    results = await daemon.run(
        "one",
        *DEPLOY,
        transfer(f"gftp://{NODE}/in.tgz", "container:/golem/resource", "tar.gz"),
        shell("cat /golem/resource/scene/a /golem/resource/scene/deep/b > /golem/output/joined"),
        transfer("container:/golem/output", f"gftp://{NODE}/out.tar", "tar"),
        transfer("container:/golem/output", f"gftp://{NODE}/out", "rar"),
    )
    assert [result.result for result in results] == ["Ok"] * 5 + ["Error"]
    assert "rar" in results[-1].message
    with tarfile.open(fileobj=io.BytesIO(daemon.files["out.tar"])) as out:
        assert out.extractfile("joined").read() == b"onetwo"


async def test_a_folder_that_is_too_large_or_not_there_is_told(daemon, unit):
    daemon.files["bomb.tgz"] = tar_of({"zeros": bytes(100 * 1024 * 1024)})
    results = await daemon.run(
        "one", *DEPLOY, transfer(f"gftp://{NODE}/bomb.tgz", "container:/golem/work", "tar.gz")
    )
    assert "full" in results[-1].message
    (result,) = await daemon.run("two", transfer("container:/golem/work/no", f"gftp://{NODE}/out", "tar"))
    assert "does not exist" in result.message


async def test_what_comes_in_has_the_hash_that_was_asked_for(daemon, unit):
    daemon.files["in"] = b"cubes"
    right, wrong = hashlib.sha3_256(b"cubes").hexdigest(), hashlib.sha3_256(b"cones").hexdigest()
    source = f"gftp://{NODE}/in"
    results = await daemon.run(
        "one",
        *DEPLOY,
        transfer(f"hash:sha3:{right}:{source}", "container:/golem/work/right"),
        transfer(f"hash:sha3:{wrong}:{source}", "container:/golem/work/wrong"),
    )
    assert [result.result for result in results] == ["Ok"] * 3 + ["Error"]
    assert right in results[-1].message
    (listing,) = await daemon.run("two", shell("ls /golem/work", CAPTURE))
    assert listing.stdout == "right\n"


async def test_first_error_ends_the_batch_and_later_batches_go_on(daemon, unit):
    results = await daemon.run("one", *DEPLOY, shell("echo broken >&2; exit 3"), shell("true"))
    assert [result.result for result in results] == ["Ok", "Ok", "Error"]
    assert "exit code 3" in results[2].message
    assert "broken" in results[2].message
    assert results[2].is_batch_finished
    (after,) = await daemon.run("two", shell("true"))
    assert after.result == "Ok"


async def test_a_command_before_deploy_says_what_is_expected(daemon, unit):
    (result,) = await daemon.run("one", shell("true"))
    assert result.result == "Error"
    assert "deploy" in result.message


async def test_missing_output_and_links_out_of_the_volume_are_refused(daemon, unit):
    await daemon.run(
        "one",
        *DEPLOY,
        shell("ln -s /etc/shadow /golem/output/link; ln -s ../../../../etc/shadow /golem/output/up"),
    )
    for name in ("nothing", "link", "up"):
        (result,) = await daemon.run(
            name, transfer(f"container:/golem/output/{name}", f"gftp://{NODE}/{name}")
        )
        assert result.result == "Error"
        assert "does not exist" in result.message
        assert name not in daemon.files
    (result,) = await daemon.run("outside", transfer("container:/etc/passwd", f"gftp://{NODE}/x"))
    assert "not in a volume" in result.message


async def test_a_full_disk_is_told_as_such(daemon, unit):
    daemon.files["big"] = bytes(100 * 1024 * 1024)
    results = await daemon.run("one", *DEPLOY, transfer(f"gftp://{NODE}/big", "container:/golem/work/big"))
    assert results[-1].result == "Error"
    assert "full" in results[-1].message
    (listing,) = await daemon.run("two", shell("ls -A /golem/work", CAPTURE))
    assert listing.stdout in ("", "lost+found\n")


async def test_an_unknown_published_file_says_so(daemon, unit):
    results = await daemon.run("one", *DEPLOY, transfer(f"gftp://{NODE}/none", "container:/golem/work/x"))
    assert "No such file is published" in results[-1].message


async def test_terminate_ends_the_program_and_removes_everything(daemon, unit):
    results = await daemon.run("one", *DEPLOY, {"terminate": {}})
    assert results[-1].result == "Ok"
    assert await unit.end() == 0
    assert daemon.states[-1] == "Terminated"
    assert not unit.work_dir.exists()
    assert traces(unit.work_dir) == []


@pytest.mark.parametrize("how", ["stop", "sigterm"])
async def test_stopping_kills_what_runs_and_tells_the_result(daemon, unit, how):
    await daemon.run("one", *DEPLOY)
    await daemon.send(ExecBatch("two", '[{"run": {"entry_point": "/bin/sleep", "args": ["1000"]}}]'))
    await daemon.wait_for(lambda frame: getattr(frame, "batch_id", "") == "two")
    if how == "stop":
        await daemon.send(Stop("enough"))
    else:
        unit.process.terminate()
    assert await unit.end() == 0
    (result,) = await daemon.results("two")
    assert result.result == "Error"
    assert daemon.states[-1] == "Terminated"
    assert not unit.work_dir.exists()


def loops() -> list[str]:
    """What the kernel says of each process of a payload that never rests: running, or stopped."""
    found = [each.info for each in psutil.process_iter(["cmdline", "status"])]
    return [each["status"] for each in found if each["cmdline"] == ["/bin/sh", "-c", LOOPS]]


async def test_what_is_suspended_uses_no_processor_until_it_goes_on(daemon, unit):
    await daemon.run("one", *DEPLOY)
    await daemon.send(ExecBatch("two", json.dumps([shell(LOOPS)])))
    await eventually(lambda: loops() == ["running"] * 2)
    await daemon.send(Suspend(True))
    await eventually(lambda: loops() == ["stopped"] * 2)
    known = len(daemon.usages)
    await daemon.wait_for(lambda frame: len(daemon.usages) > known + 2)
    (cpu_s, seconds), later = daemon.usages[known + 1 :][:2]
    assert later[0] == cpu_s
    assert later[1] > seconds, "time is still counted"
    await daemon.send(Suspend(False))
    await eventually(lambda: loops() == ["running"] * 2)
    await daemon.send(Suspend(True))
    await daemon.send(Stop("enough"))
    assert await unit.end() == 0
    (result,) = await daemon.results("two")
    assert result.result == "Error"
    assert traces(unit.work_dir) == []


async def test_a_killed_unit_leaves_nothing_that_runs(daemon, unit):
    await daemon.run("one", *DEPLOY)
    await daemon.send(ExecBatch("two", '[{"run": {"entry_point": "/bin/sleep", "args": ["98765"]}}]'))
    await daemon.wait_for(lambda frame: getattr(frame, "batch_id", "") == "two")
    unit.process.send_signal(signal.SIGKILL)
    await unit.end()
    await eventually(lambda: not is_running("sleep 98765") and traces(unit.work_dir) == [])
    assert clean_up(unit.work_dir.parent.parent) == [CONTAINER]
    assert not unit.work_dir.exists()
    assert groups_of(CONTAINER) == []


async def test_results_survive_a_daemon_that_restarts(daemon, unit):
    await daemon.run("one", *DEPLOY)
    await daemon.send(ExecBatch("two", '[{"run": {"entry_point": "/bin/sleep", "args": ["1"]}}]'))
    await daemon.wait_for(lambda frame: getattr(frame, "batch_id", "") == "two")
    port = daemon.port
    await daemon.stop()
    daemon.frames.clear()
    await asyncio.sleep(1.5)
    await daemon.start(port)
    hello = await daemon.wait_for(lambda frame: isinstance(frame, Hello))
    assert hello.state == "Ready"
    assert hello.batches == ["one", "two"]
    assert [result.result for result in await daemon.results("one")] == ["Ok", "Ok"]
    assert [result.result for result in await daemon.results("two")] == ["Ok"]


async def test_usage_counts_cpu_and_time(daemon, unit):
    await daemon.run(
        "one", *DEPLOY, shell("i=0; while [ $i -lt 500000 ]; do i=$((i+1)); done"), {"terminate": {}}
    )
    await unit.end()
    cpu, duration = daemon.usages[-1]
    assert 0.05 < cpu < duration < 20
    assert daemon.usages == sorted(daemon.usages)


async def test_a_unit_goes_in_order_when_its_agent_dies(daemon, unit, tmp_path):
    await unit.stop_now()
    agent = await unit.start_below_an_agent()
    await daemon.run("one", *DEPLOY)
    agent.kill()
    await daemon.wait_for(lambda frame: isinstance(frame, StateChanged) and frame.state == "Terminated")
    await eventually(lambda: not unit.work_dir.exists() and traces(unit.work_dir) == [])


async def test_an_unknown_image_is_told_with_its_hash_and_the_way_out(daemon, unit):
    await unit.stop_now()
    wrong = "0" * 56
    unit.package = f"hash:sha3:{wrong}:{daemon.url}/download/{wrong}"
    await unit.start()
    (result,) = await daemon.run("one", {"deploy": {}}, {"start": {}})
    assert result.result == "Error"
    assert wrong in result.message
    assert "404" in result.message
    assert "Check the image's hash" in result.message


async def test_an_image_may_be_a_file_that_the_requestor_has_published(daemon, unit):
    await unit.stop_now()
    daemon.files["image"], daemon.files["other"] = daemon.image.read_bytes(), b"another"
    unit.package = f"hash:sha3:{daemon.hash}:gftp://{NODE}/other"
    await unit.start()
    (result,) = await daemon.run("1", {"deploy": {}})
    assert f"its hash is {hashlib.sha3_224(b'another').hexdigest()}" in result.message
    await unit.stop_now()
    unit.package = f"hash:sha3:{daemon.hash}:gftp://{NODE}/image"
    await unit.start()
    results = await daemon.run("1", *DEPLOY, shell("true"))
    assert [result.result for result in results] == ["Ok", "Ok", "Ok"]


async def test_an_image_is_fetched_once(daemon, unit):
    await daemon.run("one", *DEPLOY)
    await unit.stop_now()
    await unit.start()
    assert [result.result for result in await daemon.run("two", *DEPLOY)] == ["Ok", "Ok"]
    assert daemon.downloads == 1


def joining(ip: str) -> tuple[dict, dict]:
    place = {"id": "net1", "ip": "10.5.0.0", "mask": "255.255.255.0", "nodeIp": ip, "nodes": {ip: NODE}}
    return {"deploy": {"net": [place]}}, {"start": {}}


def network_namespaces() -> set[str]:
    command = ["lsns", "-t", "net", "-n", "-o", "NS"]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


async def test_an_instance_is_in_its_private_network_until_it_is_killed(daemon, unit):
    here, there = IPv4Address("10.5.0.2"), IPv4Address("10.5.0.1")
    daemon.packets_to_send = [echo_request(here, there)]
    script = "cat /proc/net/dev; ls -l /proc/self/ns/net"
    results = await daemon.run("one", *joining("10.5.0.2"), shell(script, CAPTURE))
    assert [result.result for result in results] == ["Ok"] * 3
    *devices, link = results[2].stdout.splitlines()
    assert sorted(line.split(":")[0].strip() for line in devices if ":" in line) == ["eth0", "lo"]
    answer = await daemon.packet(lambda packet: packet[9] == 1)
    assert addresses_of(answer) == (here, there)
    namespace = link.rpartition("[")[2].rstrip("]")
    assert namespace in network_namespaces()
    await unit.stop_now()
    await eventually(lambda: namespace not in network_namespaces())


async def test_who_may_not_join_a_private_network_is_told(daemon, unit):
    daemon.refused_addresses = {"10.5.0.3"}
    *_, result = await daemon.run("one", *joining("10.5.0.3"))
    assert "has not given the address" in result.message


@pytest.mark.parametrize(
    "wrong", [{"id": "x", "ip": "10.0.0.2"}, {"id": "x", "ip": "10.0.0.0", "nodeIp": "x", "nodes": {}}]
)
async def test_a_private_network_that_is_not_understood_is_refused(daemon, unit, wrong):
    (result,) = await daemon.run("one", {"deploy": {"net": [wrong]}})
    assert "cannot be understood" in result.message


async def test_a_manifest_gives_the_image_the_commands_and_the_way_out(daemon, unit):
    await unit.stop_now()
    unit.computation = {
        "version": "0.1.0",
        "script": {"commands": ["run /bin/cat .*"], "match": "regex"},
        "net": {"inet": {"out": {"protocols": ["https"], "urls": ["https://a.example"]}}},
    }
    await unit.start()
    look = {
        "run": {"entry_point": "/bin/cat", "args": ["/etc/resolv.conf", "/proc/net/tcp"], "capture": CAPTURE}
    }
    results = await daemon.run("1", *DEPLOY, look, shell("true"))
    assert [result.result for result in results] == ["Ok", "Ok", "Ok", "Error"]
    assert "nameserver 198.18.0.1" in results[2].stdout
    # port 443 of 198.18.0.2, as the kernel writes it
    assert "020012C6:01BB" in results[2].stdout
    assert "manifest of the agreement does not permit the command 'run /bin/sh -c true'" in results[3].message


async def test_without_a_manifest_there_is_no_way_out(daemon, unit):
    (*_, looked) = await daemon.run("1", *DEPLOY, shell("cat /proc/net/tcp /etc/resolv.conf", CAPTURE))
    assert ":0035 " not in looked.stdout
    assert "nameserver" not in looked.stdout
