"""A shell command for each file: the files are sent, what the commands make comes back.

    eval "$(golem local env)"
    python words.py *.txt

The same without Python: golem map --image small --output counts 'sort {} | uniq -c > {.}.words' *.txt
"""

import asyncio
import sys
from pathlib import Path

from golemnet import Golem

COMMAND = "tr -s ' ' '\\n' < {} | sort | uniq -c | sort -rn > {.}.words; head -n 1 {.}.words"


async def main(files: list[str]) -> None:
    async with Golem(budget=1.0, image="small", workers=3) as golem:
        async for done in golem.map(COMMAND, files, output="counts"):
            [made] = done.files
            count, word = done.stdout.split()
            print(f"{made.name}: {word} is there {count} times")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:] or [str(path) for path in Path().glob("*.txt")]))
