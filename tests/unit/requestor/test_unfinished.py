"""A script that leaves its event loop too early still stops what it has begun, and pays."""

import subprocess
import sys
import textwrap

import pytest

from golemnet.requestor.unfinished import NOTICE

WAIT_S = 20.0
PAYING = """
    import asyncio
    from golemnet.requestor.unfinished import unfinished

    async def buy():
        with unfinished.hold():
            try:
                print("begun", flush=True)
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0.1)
                print(await asyncio.to_thread(lambda: "paid"))

    loop = asyncio.new_event_loop()
    task = loop.create_task(buy())
    loop.run_until_complete(asyncio.sleep(0))
"""


def run(rest):
    script = textwrap.dedent(PAYING) + textwrap.dedent(rest)
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=WAIT_S)


@pytest.mark.parametrize(
    "rest",
    [
        "task.cancel(); loop.run_until_complete(asyncio.sleep(0))",  # as the tutorial's after Ctrl-C
        "",
        "import sys; sys.exit(0)",
    ],
)
def test_what_was_begun_is_finished_when_the_program_ends(rest):
    ended = run(rest)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "begun\npaid\n", NOTICE + "\n")


def test_an_error_of_the_script_stays_the_error():
    ended = run("raise SystemError('mine')")
    assert (ended.returncode, ended.stdout) == (1, "begun\npaid\n")
    assert "SystemError: mine" in ended.stderr


def test_ctrl_c_ends_it_at_once():
    ended = run("import signal; loop.call_later(0.05, signal.raise_signal, signal.SIGINT)")
    assert (ended.returncode, ended.stdout) == (0, "begun\n"), ended.stderr


@pytest.mark.parametrize(
    "rest", ["task.cancel(); loop.run_until_complete(asyncio.wait([task]))", "loop.close()"]
)
def test_nothing_is_said_where_nothing_is_to_be_done(rest):
    assert NOTICE not in run(rest).stderr


def test_a_forked_process_leaves_its_parents_work_alone():
    ended = run("""
        import os
        if child := os.fork():
            os.waitpid(child, 0)
            task.cancel()
            loop.run_until_complete(asyncio.wait([task]))
    """)
    assert (ended.stdout, NOTICE in ended.stderr) == ("begun\npaid\n", False)
