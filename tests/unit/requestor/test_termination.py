"""SIGTERM: a script that does nothing about it is cancelled, has time to pay, and ends with status 143."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap

import pytest

from golemnet.requestor import termination
from golemnet.requestor.termination import STATUS, Termination

WAIT_S = 20.0


def terminate():
    os.kill(os.getpid(), signal.SIGTERM)


async def forever():
    await asyncio.wait_for(asyncio.Event().wait(), WAIT_S)


async def test_what_is_running_is_cancelled():
    steps = []

    async def script():
        with Termination():
            terminate()
            try:
                await forever()
            finally:
                steps.append("cleaned up")

    with pytest.raises(SystemExit) as ended:
        await script()
    assert (ended.value.code, steps) == (STATUS, ["cleaned up"])
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


async def test_the_end_is_not_cut_short_nor_by_one_that_is_sent_twice():
    heard, steps = asyncio.Event(), []

    async def script():
        with Termination() as listening:
            listening.ending()
            asyncio.get_running_loop().call_later(0.2, heard.set)
            terminate()
            await asyncio.sleep(0)
            terminate()
            await heard.wait()
            steps.append("paid")

    with pytest.raises(SystemExit):
        await script()
    assert steps == ["paid"]


async def test_a_program_that_listens_itself_is_left_alone():
    heard = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, heard.set)
    try:
        with Termination():
            terminate()
            await asyncio.wait_for(heard.wait(), WAIT_S)
    finally:
        loop.remove_signal_handler(signal.SIGTERM)


def test_a_program_ends_with_its_status_and_a_second_one_ends_it_at_once():
    script = textwrap.dedent(f"""
        import asyncio
        from golemnet.requestor import termination

        async def main():
            with termination.Termination():
                print("ready", flush=True)
                try:
                    await asyncio.sleep({WAIT_S})
                finally:
                    print("paying", flush=True)
                    {{}}

        asyncio.run(main())
    """)
    for last, signals in (("pass", 1), (f"termination.ONCE_S = 0; await asyncio.sleep({WAIT_S})", 2)):
        process = subprocess.Popen(
            [sys.executable, "-c", script.format(last)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with process:
            for word in ("ready", "paying")[:signals]:
                assert process.stdout.readline().strip() == word
                process.send_signal(signal.SIGTERM)
            _, errors = process.communicate(timeout=WAIT_S)
        assert process.returncode == (STATUS if signals == 1 else -signal.SIGTERM)
        assert errors == "terminated: everything is stopped, and providers are paid\n"
    assert termination.ONCE_S > 0


def test_a_program_without_asyncio_has_time_to_pay_as_well():
    script = textwrap.dedent(f"""
        import os, signal, time
        from golemnet.requestor.termination import PlainTermination

        listening = PlainTermination()
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep({WAIT_S})
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            print("paid")
            listening.close()
    """)
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=WAIT_S)
    assert (ended.returncode, ended.stdout) == (STATUS, "paid\n"), ended.stderr
