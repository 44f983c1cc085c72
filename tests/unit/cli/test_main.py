"""How a program ends that nobody reads any further."""

import os
import signal
import subprocess
import sys

import pytest

PROGRAM = """
from cyclopts import App
from golemnet.cli.main import run_program
from golemnet.cli.output import show_json

app = App()
app.default(lambda: show_json(list(range({count}))))
run_program(app)
"""


@pytest.mark.parametrize("count", [1, 100_000], ids=["at its end", "in the middle"])
def test_nobody_reads_what_it_writes(count: int):
    reading, writing = os.pipe()
    os.close(reading)
    try:
        ended = subprocess.run(
            [sys.executable, "-c", PROGRAM.format(count=count)],
            stdout=writing,
            stderr=subprocess.PIPE,
            timeout=60,
        )
    finally:
        os.close(writing)
    assert ended.stderr == b""
    assert ended.returncode == 128 + signal.SIGPIPE
