"""The short way in, with real containers and a real chain: examples, one-liners, a container that is lost."""

from __future__ import annotations

import asyncio
import json
import math
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from decimal import Decimal
from pathlib import Path

import aiohttp
import psutil
import pytest
import pytest_asyncio
from money import Ledger
from network import DemoNetwork, demo_network
from running_script import running_script
from victims import busy_workplace

from golemnet.image.errors import MissingTool
from golemnet.image.recipe import cached_image
from golemnet.image.recipes import READY_MADE, cache_directory

pytestmark = [
    pytest.mark.system,
    pytest.mark.slow,
    pytest.mark.privileged,
    pytest.mark.chain,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(os.geteuid() != 0, reason="containers of the best driver need root"),
]

EXAMPLES = Path(__file__).parents[2] / "examples"
SERVING = Path(__file__).parent / "scripts" / "serving.py"
SHORT_YAPAPI = Path(__file__).parent / "scripts" / "short_yapapi.py"
SQUARES = Path(__file__).parent / "scripts" / "squares.py"
GOLEM = Path(sys.executable).parent / "golem"
PROVIDERS, SUBNET = 3, "sdk-test"
STEP_S = 60.0
STEPS_OF_A_SERVICE = ("running", "scaled", "went on", "resumed", "failed", "echoed", "ended", "began anew")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def net() -> AsyncIterator[DemoNetwork]:
    """A network with an empty registry: ready-made images come from the cache here, or are built."""
    try:
        for recipe in READY_MADE.values():
            cached_image(recipe(), cache_directory())
    except MissingTool as error:
        pytest.skip(f"the images cannot be built: {error}")
    async with demo_network(PROVIDERS, SUBNET) as network:
        yield network


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def ledger(net: DemoNetwork) -> Ledger:
    """The balances before all tests."""
    return await Ledger.open(net)


async def example(net: DemoNetwork, folder: Path, name: str, *arguments: str) -> str:
    """What an example prints; it has to succeed."""
    script = EXAMPLES / name / f"{name}.py"
    async with running_script(folder, script, *arguments, environment=net.environment) as running:
        assert await running.finish(STEP_S) == 0, running.output
        return running.output


async def golem(
    environment: Mapping[str, str], folder: Path, *arguments: str, given: str = ""
) -> tuple[int, str, str]:
    """Status and outputs of a command."""
    process = await asyncio.create_subprocess_exec(
        *(GOLEM, *arguments),
        cwd=folder,
        env={**os.environ, **environment},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(given.encode()), STEP_S)
    return process.returncode or 0, out.decode(), err.decode()


async def test_pi(net: DemoNetwork, tmp_path: Path):
    output = await example(net, tmp_path, "pi", "6")
    found = re.search(r"pi is about (3\.\d+)", output)
    assert found, output
    assert abs(float(found[1]) - 3.14159) < 0.01


async def test_keyspace(net: DemoNetwork, tmp_path: Path):
    assert "glow" in (await example(net, tmp_path, "keyspace")).splitlines()


async def test_words(net: DemoNetwork, tmp_path: Path):
    (tmp_path / "first.txt").write_text("one two two\n")
    (tmp_path / "second.txt").write_text("three three three two\n")
    output = await example(net, tmp_path, "words", "first.txt", "second.txt")
    assert output.splitlines() == [
        "first.words: two is there 2 times",
        "second.words: three is there 3 times",
    ]
    counted = (tmp_path / "counts" / "second.words").read_text().split()
    assert counted == ["3", "three", "1", "two"]


async def test_matrix(net: DemoNetwork, tmp_path: Path):
    (tmp_path / "plain.sh").write_text("test $((6 * 7)) = 42\n")
    (tmp_path / "python.sh").write_text("python3 -c 'print(1)'\n")
    script = EXAMPLES / "matrix" / "matrix.py"
    async with running_script(tmp_path, script, environment=net.environment) as running:
        assert await running.finish(STEP_S) == 1, running.output
    assert [line.split() for line in running.output.splitlines()[-2:]] == [
        ["plain.sh", "ok", "ok"],
        ["python.sh", "FAILED", "ok"],
    ]


async def test_web(net: DemoNetwork, tmp_path: Path):
    output = await example(net, tmp_path, "web")
    assert "1000000000001 = 73 * 137 * 99990001" in output.splitlines()


async def test_one_liners(net: DemoNetwork, tmp_path: Path):
    status, out, _ = await golem(
        net.environment, tmp_path, "run", "--", "python3", "-c", "print(6 * 7); exit(5)"
    )
    assert (status, out) == (5, "42\n")

    (tmp_path / "a.txt").write_text("hello\n")
    (tmp_path / "all.txt").write_text("all\n")
    counting = "cat {} all.txt | wc -c | tee {.}.n"
    status, out, err = await golem(
        net.environment, tmp_path, "map", "-i", "small", "-f", "all.txt", counting, "a.txt"
    )
    assert (status, out, (tmp_path / "a.n").read_text()) == (0, "10\n", "10\n"), err

    lines = await golem(
        net.environment, tmp_path, "map", "-i", "small", "--json", "test {} != 2", given="1\n2\n3\n"
    )
    assert lines[0] == 1
    assert [json.loads(line)["status"] for line in lines[1].splitlines()] == [0, 1, 0]


async def stopped(process: psutil.Process) -> None:
    """Wait until the kernel has stopped it; nothing tells when it has."""
    async with asyncio.timeout(STEP_S):
        while process.status() != psutil.STATUS_STOPPED:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_a_service_that_is_lost_scaled_and_left(net: DemoNetwork, ledger: Ledger, tmp_path: Path):
    async with running_script(tmp_path, SERVING, environment=net.environment) as running:
        await running.until(r"^running 2", STEP_S)
        (await busy_workplace(net, "busybox", STEP_S, math.inf)).exe_unit.kill()
        await running.until(r"^suspended", STEP_S)
        await stopped((await busy_workplace(net, "busybox", STEP_S, math.inf)).command)
        running.signal(signal.SIGUSR1)
        for step in ("echoed", "suspended again"):
            await running.until(f"^{step}", STEP_S)
            (await busy_workplace(net, "python3", STEP_S, math.inf)).exe_unit.kill()
        assert await running.finish(STEP_S) == 0, running.output
    told = re.findall(f"^(?:{'|'.join(STEPS_OF_A_SERVICE)}) .*", running.output, re.MULTILINE)
    assert told[:5] == ["running 2", "scaled 3 3", "scaled 1 1", "went on True True", "resumed 1 1"], told
    assert re.fullmatch("failed .*exit code 3.* why", told[5]), running.output
    assert told[6:] == [r"echoed HELLO b'\x00\x01' 4001", "ended CLOSED", "began anew [True]"], told
    assert len(re.findall("is ready after", running.output)) == 4 + 3, "a new one for each that was killed"
    await ledger.check()


async def test_a_server_as_a_one_liner(net: DemoNetwork, ledger: Ledger, tmp_path: Path):
    """What is asked when Ctrl-C comes is answered still."""
    slow = tmp_path / "slow"
    slow.write_text("#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\nslow'; sleep 1; printf ly\n")
    serve = "mkdir cgi-bin; mv slow cgi-bin; chmod +x cgi-bin/slow; exec busybox httpd -f -p 80"
    process = await asyncio.create_subprocess_exec(
        *(GOLEM, "serve", "-i", "small", "--port", "80", "-n", "2", "-f", slow, "--", serve),
        env={**os.environ, **net.environment},
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    url = (await asyncio.wait_for(process.stdout.readline(), STEP_S)).decode().strip()
    async with aiohttp.ClientSession() as session, session.get(f"{url}/cgi-bin/slow") as answer:
        process.send_signal(signal.SIGINT)
        assert await answer.text() == "slowly"
    assert await asyncio.wait_for(process.wait(), STEP_S) == 130
    await ledger.check()


async def test_the_short_ways_of_yapapi(net: DemoNetwork, ledger: Ledger, tmp_path: Path):
    small = cached_image(READY_MADE["small"](), cache_directory())
    await net.publish(small.image, "me/small")
    async with running_script(tmp_path, SHORT_YAPAPI, environment=net.environment) as running:
        assert await running.finish(STEP_S) == 0, running.output
    said = [line for line in running.output.splitlines() if "[" not in line]
    squares = [f"mapped {number * number}" for number in range(6)]
    assert said == [*squares, "submitted 1024", "ran 42", "worked", "jobs 4 4", "invoices True"]
    await ledger.check()


async def test_an_estimate_and_the_providers(net: DemoNetwork, tmp_path: Path):
    status, out, err = await golem(net.environment, tmp_path, "estimate", "100", "36", "-w", "3", "--json")
    assert status == 0, err
    found = json.loads(out)
    assert found["providers"] == PROVIDERS
    assert Decimal(found["cost"]) >= Decimal(found["cheapest_per_hour"]) > 0, (
        "an hour in all, and what it costs to begin"
    )

    environment = {**net.environment, "GOLEM_DATA_DIR": str(tmp_path / "known")}
    status, _, err = await golem(
        environment, tmp_path, "map", "-i", "small", "--limit", "30", "true", "1", "2"
    )
    assert status == 0, err
    known = json.loads((await golem(environment, tmp_path, "providers", "--json"))[1])
    assert sum(each["done"] for each in known) == 2


async def test_the_doctor(net: DemoNetwork, tmp_path: Path):
    status, out, _ = await golem(net.environment, tmp_path, "doctor", "--json")
    findings = {each["name"]: each["is_well"] for each in json.loads(out)}
    assert status == 0, out
    assert findings == dict.fromkeys(["daemon", "funds", "files", "subnet", "registry", "clock"], True)


async def test_ctrl_c_finishes_what_is_running_and_pays(net: DemoNetwork, ledger: Ledger, tmp_path: Path):
    command = (
        GOLEM,
        "map",
        "-i",
        "small",
        "-w",
        "3",
        "--unordered",
        "sleep 1; echo {}",
        *map(str, range(30)),
    )
    environment = {**os.environ, **net.environment, "GOLEM_DATA_DIR": str(tmp_path / "known")}
    process = await asyncio.create_subprocess_exec(
        *command, cwd=tmp_path, env=environment, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    first = await asyncio.wait_for(process.stdout.readline(), STEP_S)
    process.send_signal(signal.SIGINT)
    # it does not wait in vain for invoices that nobody answers
    rest, _ = await asyncio.wait_for(process.communicate(), 25.0)
    assert process.returncode == 130
    printed = (first + rest).split()
    assert 2 <= len(printed) < 15, printed
    [stopped] = json.loads((await golem(environment, tmp_path, "runs", "--json"))[1])
    assert stopped["done"] == len(printed)
    await ledger.check()


async def test_sigterm_leaves_nothing_and_what_sigkill_leaves_the_next_script_ends(
    net: DemoNetwork, ledger: Ledger, tmp_path: Path
):
    environment = {**net.environment, "GOLEM_DATA_DIR": str(tmp_path / "known")}
    serve = (GOLEM, "serve", "-i", "small", "--port", "80", "-n", str(PROVIDERS), "--", "httpd -f -p 80")
    for number, held in ((signal.SIGTERM, 0), (signal.SIGKILL, PROVIDERS)):
        process = await asyncio.create_subprocess_exec(
            *serve, env={**os.environ, **environment}, stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        assert await asyncio.wait_for(process.stdout.readline(), STEP_S)
        process.send_signal(number)
        assert await asyncio.wait_for(process.wait(), STEP_S) == (143 if held == 0 else -number)
        assert await reserved(net) == (held, min(held, 1))

    status, _, err = await golem(environment, tmp_path, "run", "-i", "small", "true")
    assert (status, await reserved(net)) == (0, (0, 0)), err
    await ledger.check()


async def reserved(net: DemoNetwork) -> tuple[int, int]:
    """How many providers work for the node's programs, and from how many allocations they are paid."""
    async with net.requestor() as client:
        agreements = await client.market.list_agreements(state="Approved")
        return len(agreements), len(await client.payment.get_allocations())


async def test_a_script_that_was_killed_goes_on(net: DemoNetwork, ledger: Ledger, tmp_path: Path):
    """What was done is not done again, and those who worked for the killed process are paid as well."""
    environment = {**net.environment, "GOLEM_DATA_DIR": str(tmp_path / "known")}
    named = {**environment, "GOLEM_RUN": "squares"}
    async with running_script(tmp_path, SQUARES, environment=named) as running:
        await running.until(r"result 9", STEP_S)
    [stopped] = json.loads((await golem(environment, tmp_path, "runs", "--json"))[1])
    assert (stopped["run"], stopped["state"]) == ("squares", "stopped")
    assert 4 <= stopped["done"] < 12

    status, out, err = await golem(environment, tmp_path, "resume", "squares")
    assert status == 0, out + err
    assert [int(number) for number in re.findall(r"result (\d+)", out)] == [x * x for x in range(12)]
    assert out.count("begins task") == 12 - stopped["done"], out
    [ended] = json.loads((await golem(environment, tmp_path, "runs", "--json"))[1])
    assert ended["state"] == "ended"
    async with net.requestor() as client:
        assert not await client.payment.get_allocations(), "the killed process's reservation is given back"
    await ledger.check()


async def test_a_container_is_lost_in_the_middle(net: DemoNetwork, ledger: Ledger, tmp_path: Path):
    """Its calls are done elsewhere, once each; what all tests have accepted is paid, once."""
    async with running_script(tmp_path, SQUARES, environment=net.environment) as running:
        await running.until(r"result 0", STEP_S)
        workplace = await busy_workplace(net, "sleep", STEP_S)
        workplace.exe_unit.kill()
        assert await running.finish(STEP_S) == 0, running.output
    results = [int(number) for number in re.findall(r"result (\d+)", running.output)]
    assert results == [number * number for number in range(12)]
    report = json.loads(running.output.partition("report ")[2].splitlines()[0])
    assert sum(report.values()) == 12
    await ledger.check()
