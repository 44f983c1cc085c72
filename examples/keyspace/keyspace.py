"""The password of a hash, by trying all words of lower-case letters; it stops when one machine has it.

eval "$(golem local env)"
python keyspace.py                  # looks for a word of four letters
python keyspace.py SHA256 LENGTH
"""

import asyncio
import hashlib
import itertools
import string
import sys
from collections.abc import Iterator

from golemnet import Golem

LETTERS = string.ascii_lowercase


def search(prefix: str, length: int, wanted: str) -> str | None:
    """The word with this prefix that has the hash, if there is one. It runs in a container."""
    for rest in itertools.product(LETTERS, repeat=length - len(prefix)):
        word = prefix + "".join(rest)
        if hashlib.sha256(word.encode()).hexdigest() == wanted:
            return word
    return None


def is_right(task: tuple[str, int, str], found: str | None) -> bool:
    """A machine that claims to have found it is not believed: one hash here shows."""
    return found is None or hashlib.sha256(found.encode()).hexdigest() == task[2]


async def main(wanted: str, length: int) -> str | None:
    tasks: Iterator[tuple[str, int, str]] = (
        ("".join(prefix), length, wanted) for prefix in itertools.product(LETTERS, repeat=max(length - 3, 1))
    )
    async with Golem(budget=1.0, workers=3) as golem:
        async for found in golem.starmap(search, tasks, ordered=False, verify=is_right):
            if found is not None:
                return found
    return None


if __name__ == "__main__":
    hashed = sys.argv[1] if len(sys.argv) > 1 else hashlib.sha256(b"glow").hexdigest()
    print(asyncio.run(main(hashed, int(sys.argv[2]) if len(sys.argv) > 2 else 4)))
