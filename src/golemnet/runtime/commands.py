"""Helper programs of the host (mount, mkfs, crun): run to the end, with a deadline and clear errors."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Sequence

from golemnet.runtime.errors import NoRuntime, RuntimeFailure

MAX_OUTPUT_BYTES = 64 * 1024
SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def find(program: str, package: str) -> str:
    """The path of a host program. Raises NoRuntime naming the package that holds it."""
    path = shutil.which(program, path=SEARCH_PATH)
    if path is None:
        raise NoRuntime(
            f"The program {program} is missing.", next_step=f"Install it: apt-get install {package}."
        )
    return path


async def check(*command: str, timeout_s: float = 30.0, doing: str = "") -> str:
    """Run ``command`` and return its output; raises RuntimeFailure with its last words."""
    code, output = await attempt(command, timeout_s=timeout_s)
    if code != 0:
        what = doing or f"{command[0].rpartition('/')[2]} failed"
        raise RuntimeFailure(f"{what}.", why=output.strip()[-2000:] or f"Exit code {code}.")
    return output


async def attempt(
    command: Sequence[str], *, timeout_s: float = 30.0, pass_fds: Sequence[int] = ()
) -> tuple[int, str]:
    """Exit code and joined output of ``command``; it is killed when it takes too long.

    The output goes to a file, not to a pipe: a container inherits it and would hold a pipe open.
    """
    with tempfile.TemporaryFile() as output:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output, pass_fds=pass_fds
        )
        try:
            code = await asyncio.wait_for(process.wait(), timeout_s)
        except TimeoutError as error:
            raise RuntimeFailure(f"{command[0]} did not end in {timeout_s:g} s.") from error
        finally:
            if process.returncode is None:
                process.kill()
        output.seek(0)
        return code, output.read(MAX_OUTPUT_BYTES).decode("utf-8", "replace")
