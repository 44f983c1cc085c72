"""Ours beside what people could use instead, on the same work and the same cores, in one run.

``python benchmarks/peers.py`` makes an environment for each peer in ``.cache/peers`` (once; Ray is large),
then lets all of them work in turn, three rounds. The ratios are those within a round; medians are shown. A
peer that cannot be installed is left out, and said to be. Ours runs in containers, is metered and paid for;
none of the others is.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
import venv
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parent.parent / "demo"))

from network import DemoNetwork, demo_network
from promises import Promise, at_least, at_most, finish, shown
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parent.parent
JOB = Path(__file__).with_name("peer_job.py")
ENVIRONMENTS = ROOT / ".cache" / "peers"
PACKAGES = {"golem": [], "pool": [], "dask": ["distributed>=2024", "bokeh"], "ray": ["ray[default]>=2.9"]}
ROUNDS, WORKERS, SUBNET = 3, 2, "peers"
INSTALL_S, JOB_S = 600, 300
UNITS = {
    "first": "first result, s",
    "calls": "calls of nothing, /s",
    "programs": "programs with 10 KB in and out, /s",
    "file": "200 MB there and back, MB/s",
}
Round = Mapping[str, Mapping[str, float]]
# What is measured, what is promised of it, and how it comes of a round.
RATIOS: dict[str, tuple[Promise, Callable[[Round], float]]] = {
    "first result, from the script's start": (at_most(1.0, "s"), lambda at: at["golem"]["first"]),
    "network up and first result": (at_most(5.0, "s"), lambda at: at["cold"]["first"]),
    "each call of nothing": (at_most(10.0, "ms"), lambda at: 1000 / at["golem"]["calls"]),
    "a second task that needs the same 200 MB": (at_most(0.5, "s"), lambda at: at["golem"]["same file"]),
    "programs, of Dask's rate": (at_least(0.5, ""), lambda at: ratio(at, "programs", "dask")),
    "200 MB there and back, of Dask's rate": (at_least(0.7, ""), lambda at: ratio(at, "file", "dask")),
    "first result, of Dask's time": (shown(""), lambda at: ratio(at, "first", "dask")),
    "first result, of Ray's time": (shown(""), lambda at: ratio(at, "first", "ray")),
    "programs, of Ray's rate": (shown(""), lambda at: ratio(at, "programs", "ray")),
    "200 MB there and back, of Ray's rate": (shown(""), lambda at: ratio(at, "file", "ray")),
    "programs, of a pool's rate": (shown(""), lambda at: ratio(at, "programs", "pool")),
    "calls of nothing, of Dask's rate": (shown(""), lambda at: ratio(at, "calls", "dask")),
}


def main() -> None:
    """Measure and print."""
    peers = [peer for peer, packages in PACKAGES.items() if not packages or is_installed(peer, packages)]
    rounds = asyncio.run(measure(peers))
    if "--json" not in sys.argv:
        Console().print(table(rounds))
    figures = {what: middle(rounds, figure) for what, (_, figure) in RATIOS.items()}
    known = {what: figure for what, figure in figures.items() if figure is not None}
    finish({what: RATIOS[what][0] for what in known}, known)


def is_installed(peer: str, packages: list[str]) -> bool:
    """Make the peer's environment, unless it is there."""
    folder = ENVIRONMENTS / peer
    ready = folder / ".ready"
    if ready.exists():
        return True
    print(f"installing {peer} into {folder.relative_to(ROOT)}", file=sys.stderr)
    venv.create(folder, with_pip=True)
    pip = [folder / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", *packages]
    try:
        subprocess.run(pip, check=True, timeout=INSTALL_S, capture_output=True, text=True)
    except subprocess.SubprocessError as error:
        why = str(error.stderr or error).strip().rpartition("\n")[2]
        print(f"{peer} is left out: it cannot be installed here. {why}", file=sys.stderr)
        return False
    ready.touch()
    return True


async def measure(peers: list[str]) -> list[Round]:
    """The figures of each round, by peer."""
    cold = [await cold_start() for _ in range(ROUNDS)]
    async with demo_network(WORKERS, SUBNET) as network:
        await job("golem", network)  # every provider has the image afterwards
        return [
            {"cold": cold[each], **{peer: await job(peer, network) for peer in peers}}
            for each in range(ROUNDS)
        ]


async def cold_start() -> Mapping[str, float]:
    """From nothing to a result: a network is started, and a script on it; its end, which pays, is not in."""
    began = time.time()
    async with demo_network(WORKERS, SUBNET) as network:
        ready = time.time()
        return {"first": ready - began + (await job("first", network))["first"]}


async def job(peer: str, network: DemoNetwork) -> Mapping[str, float]:
    """Let a peer do the work once, in a process of its own environment."""
    own = ENVIRONMENTS / peer / "bin" / "python"
    process = await asyncio.create_subprocess_exec(
        *(own if own.exists() else sys.executable, JOB, peer, str(time.time())),
        env={**os.environ, **network.environment},
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await asyncio.wait_for(process.communicate(), JOB_S)
    if process.returncode != 0:
        raise SystemExit(f"{peer} has failed")
    return json.loads(output.splitlines()[-1])


def ratio(at: Round, what: str, peer: str) -> float:
    """Ours to theirs; KeyError if they are not here."""
    return at["golem"][what] / at[peer][what]


def middle(rounds: list[Round], figure: Callable[[Round], float]) -> float | None:
    """The median over the rounds; None if a peer that it needs is not here."""
    try:
        return median(figure(each) for each in rounds)
    except KeyError:
        return None


def table(rounds: list[Round]) -> Table:
    """What each peer has done, as medians."""
    shown_as = Table("", *UNITS.values(), title=f"{WORKERS} workers, medians of {len(rounds)} rounds")
    for peer in rounds[0]:
        if peer != "cold":
            cells = [median(each[peer][what] for each in rounds) for what in UNITS]
            shown_as.add_row(peer, *(f"{cell:,.2f}" for cell in cells))
    return shown_as


if __name__ == "__main__":
    main()
