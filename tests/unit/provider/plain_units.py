"""Units that are lines of shell, for tests that are about what is done with processes."""

import asyncio


class PlainStarter:
    """A ``Starter``; ``line_of`` gives the line for an activity id."""

    def __init__(self, line_of):
        self._line_of = line_of

    async def start(self, arguments, output):
        with output.open("ab") as out:
            return await asyncio.create_subprocess_exec(
                *("/bin/sh", "-c", self._line_of(arguments[1])),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                process_group=0,
            )
