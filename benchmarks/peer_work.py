"""The work that every peer does: nothing, a program on a small file, a large file there and back."""

from __future__ import annotations


def nothing(number: int) -> int:
    """A call that costs no time of its own."""
    return number


def copied(content: bytes) -> bytes:
    """A program that reads a file and writes another one, as tasks in containers do."""
    import subprocess
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory(prefix="peer-") as folder:
        source, target = Path(folder, "in"), Path(folder, "out")
        source.write_bytes(content)
        subprocess.run(["/bin/cp", source, target], check=True)
        return target.read_bytes()


def stored(content: bytes) -> bytes:
    """A large file that lands on the worker's disk, and comes back from there."""
    import tempfile
    from pathlib import Path

    with tempfile.NamedTemporaryFile(prefix="peer-") as file:
        file.write(content)
        file.flush()
        return Path(file.name).read_bytes()
