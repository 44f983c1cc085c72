"""What every tier has to do alike. Each behaviour leaves the environment usable for those after it."""

from __future__ import annotations

import asyncio
import time

import pytest
from ground import LIMITS, MIB, WAIT_S, Ground, behaviour

from golemnet.exeunit.errors import TransferFailed

GROUND = Ground
NEEDS_DEVICES = False


@behaviour
async def a_command_that_succeeds_ends_with_0(ground: Ground) -> None:
    assert (await ground.run("/bin/true")).code == 0


@behaviour
async def the_exit_code_is_told(ground: Ground) -> None:
    assert (await ground.shell("exit 3")).code == 3


@behaviour
async def a_command_that_a_signal_ends_has_128_and_its_number(ground: Ground) -> None:
    assert (await ground.shell("kill -TERM $$")).code == 143


@behaviour
async def the_two_outputs_are_kept_apart(ground: Ground) -> None:
    outcome = await ground.shell("echo good; echo bad >&2")
    assert (outcome.stdout, outcome.stderr, outcome.error_tail) == ("good\n", "bad\n", "bad")


@behaviour
async def there_is_no_input(ground: Ground) -> None:
    assert await ground.said("cat") == ""


@behaviour
async def arguments_arrive_as_they_are(ground: Ground) -> None:
    arguments = ("two words", "", "'", '"', "$HOME", "a\nb\n", "\\n", "*", "zażółć", " x ")
    outcome = await ground.run("/bin/sh", "-c", 'for each; do echo "<$each>"; done', "sh", *arguments)
    assert outcome.stdout == "".join(f"<{each}>\n" for each in arguments)


@behaviour
async def a_name_without_a_path_is_found_in_path(ground: Ground) -> None:
    assert (await ground.run("echo", "found")).stdout == "found\n"


@behaviour
async def a_command_that_is_not_there_fails_and_is_named(ground: Ground) -> None:
    for name in ("/bin/nothing-like-it", "nothing-like-it"):
        outcome = await ground.run(name)
        assert outcome.code != 0
        assert "nothing-like-it" in outcome.error_tail, outcome


@behaviour
async def the_environment_is_the_image_s_and_the_script_s_and_no_other(ground: Ground) -> None:
    names = {line.partition("=")[0] for line in (await ground.said("env")).splitlines()}
    assert await ground.said("echo $GREETING $EXTRA") == "hello more\n"
    assert names - {"PWD", "SHLVL", "OLDPWD", "_", "container"} == {"PATH", "HOME", "GREETING", "EXTRA"}


@behaviour
async def the_working_folder_is_the_image_s(ground: Ground) -> None:
    assert await ground.said("pwd") == "/golem/work\n"


@behaviour
async def the_user_is_the_image_s(ground: Ground) -> None:
    assert await ground.said("id -u; id -g; id -G") == "1000\n1001\n1001\n"


@behaviour
async def the_image_s_own_files_are_not_the_user_s(ground: Ground) -> None:
    assert await ground.said("ls -A /golem") == "output\nwork\n"


@behaviour
async def files_last_from_command_to_command(ground: Ground) -> None:
    await ground.said("echo one > /tmp/file; echo two > /golem/work/file; echo three > /golem/output/file")
    assert await ground.said("cat /tmp/file file ../output/file") == "one\ntwo\nthree\n"


@behaviour
async def there_is_no_network(ground: Ground) -> None:
    assert await ground.said("tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '") == "lo\n"


@behaviour
async def output_comes_while_the_command_runs(ground: Ground) -> None:
    """The command waits for an answer to what it has written; without streaming it would never come."""
    first = asyncio.Event()
    seen: list[tuple[str, object]] = []

    def emit(name: str, text: object) -> None:
        seen.append((name, text))
        first.set()

    await ground.said("mkfifo /tmp/go")
    running = asyncio.create_task(ground.shell("echo first; cat /tmp/go; echo second >&2", emit))
    await asyncio.wait_for(first.wait(), WAIT_S)
    assert seen == [("stdout", "first\n")]
    await ground.said("echo go > /tmp/go")
    await running
    assert ("stdout", "go\n") in seen
    assert ("stderr", "second\n") in seen


@behaviour
async def much_output_comes_whole(ground: Ground) -> None:
    process = await ground.driver.run("/bin/sh", ["-c", "seq 300000; seq 1000 >&2"])
    output, errors, code = await asyncio.wait_for(
        asyncio.gather(process.stdout.read(), process.stderr.read(), process.wait()), WAIT_S
    )
    assert code == 0
    assert output.split() == [b"%d" % number for number in range(1, 300_001)]
    assert len(errors.split()) == 1000


@behaviour
async def a_service_serves_the_commands_beside_it(ground: Ground) -> None:
    await ground.said("mkfifo /tmp/in /tmp/out")
    service = await ground.driver.run(
        "/bin/sh", ["-c", "while read name < /tmp/in; do echo hello $name > /tmp/out; done"]
    )
    for name in ("ann", "bob"):
        assert await ground.said(f"echo {name} > /tmp/in; cat /tmp/out") == f"hello {name}\n"
    await service.kill()
    assert await asyncio.wait_for(service.wait(), WAIT_S) == 137


@behaviour
async def a_command_is_killed_and_the_next_one_runs(ground: Ground) -> None:
    process = await ground.driver.run("/bin/sh", ["-c", "echo up; exec sleep 1000"])
    assert await asyncio.wait_for(process.stdout.readline(), WAIT_S) == b"up\n"
    await process.kill()
    assert await asyncio.wait_for(process.wait(), WAIT_S) == 137
    await process.kill()
    assert (await ground.run("/bin/true")).code == 0


@behaviour
async def what_is_left_in_the_background_holds_nobody_up(ground: Ground) -> None:
    started = time.monotonic()
    assert await ground.said("sleep 3 & echo done") == "done\n"
    assert time.monotonic() - started < 2.5


@behaviour
async def files_come_in_and_are_the_user_s(ground: Ground) -> None:
    ground.shelf.files["in"] = bytes(range(256)) * 4096
    await ground.bring("in", "/golem/work/new/deep/file")
    assert await ground.said("stat -c '%s %u %g' new new/deep/file | cut -d' ' -f2,3") == "1000 1001\n" * 2
    assert await ground.said("wc -c < new/deep/file; echo more >> new/deep/file") == f"{MIB}\n"


@behaviour
async def files_come_out(ground: Ground) -> None:
    await ground.said("seq 100000 > /golem/output/result")
    await ground.fetch("/golem/output/result", "result")
    assert ground.shelf.files["result"] == b"".join(b"%d\n" % number for number in range(1, 100_001))


@behaviour
async def a_file_that_comes_in_replaces_the_one_before(ground: Ground) -> None:
    for text in (b"first", b"second"):
        ground.shelf.files["again"] = text
        await ground.bring("again", "/golem/work/again")
        assert await ground.said("cat again") == text.decode()


@behaviour
async def folders_go_as_archives(ground: Ground) -> None:
    await ground.said("mkdir -p made/sub; echo one > made/sub/one")
    for form in ("tar", "tar.gz", "zip"):
        await ground.fetch("/golem/work/made", form, archive=form)
        await ground.bring(form, f"/golem/output/{form}", archive=form)
        assert await ground.said(f"cat /golem/output/{form}/sub/one") == "one\n"


@behaviour
async def no_link_leads_a_transfer_out(ground: Ground) -> None:
    await ground.said(
        "ln -s /etc/hostname link; ln -s ../../../../../../etc/hostname climbing; mkfifo pipe || true"
    )
    for name in ("link", "climbing", "pipe", "not-there"):
        with pytest.raises(TransferFailed):
            await ground.fetch(f"/golem/work/{name}", "leak")


@behaviour
async def memory_is_limited(ground: Ground) -> None:
    outcome = await ground.shell("head -c 100m /dev/zero | tail -c 90m | wc -c")
    assert outcome.stdout != f"{90 * MIB}\n"
    assert (await ground.run("/bin/true")).code == 0


@behaviour
async def the_number_of_processes_is_limited(ground: Ground) -> None:
    outcome = await ground.shell(
        f"trap 'kill $all' EXIT; for n in $(seq {2 * LIMITS.processes}); do sleep 9 & all=\"$all $!\"; done"
    )
    assert "ork" in outcome.error_tail, outcome


@behaviour
async def usage_grows_with_work(ground: Ground) -> None:
    before = await ground.driver.usage()
    await ground.said(
        "i=0; while [ $i -lt 15000 ]; do i=$((i+1)); done; head -c 8m /dev/zero | tail -c 8m | wc -c"
    )
    after = await ground.driver.usage()
    assert 0.01 < after.cpu_sec - before.cpu_sec < WAIT_S
    assert 8 * MIB < after.memory_peak_bytes <= 1.1 * LIMITS.memory_bytes


@behaviour
async def storage_is_counted(ground: Ground) -> None:
    room = await ground.driver.room()
    assert 0 < room <= LIMITS.storage_bytes
    await ground.said("head -c 6m /dev/urandom > big; sync")
    assert 5 * MIB < room - await ground.driver.room() < 7 * MIB
    assert 6 * MIB < (await ground.driver.usage()).storage_peak_bytes <= LIMITS.storage_bytes
    await ground.said("rm big")
    assert await ground.driver.room() > room - MIB
    assert (await ground.driver.usage()).storage_peak_bytes > 6 * MIB


@behaviour
async def storage_is_limited(ground: Ground) -> None:
    """It either is not written, or whoever writes it is ended; and what was written can be removed."""
    outcome = await ground.shell("head -c 64m /dev/zero > big && sleep 5")
    assert outcome.code != 0
    await ground.said("rm -f big")
    assert await ground.driver.room() > MIB


@behaviour
async def what_is_larger_than_the_storage_does_not_come_in(ground: Ground) -> None:
    ground.shelf.files["large"] = bytes(LIMITS.storage_bytes + 1)
    with pytest.raises(TransferFailed, match="full"):
        await ground.bring("large", "/golem/work/large")
    assert await ground.said("ls -A | grep -E 'large|part' || true") == ""
