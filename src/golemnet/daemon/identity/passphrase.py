"""Where the passphrase of the stored key comes from: the settings, a file, or a generated file."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from golemnet.errors import GolemError

FILE_NAME = "passphrase"


class PassphraseError(GolemError):
    """The passphrase cannot be read."""


def passphrase(directory: Path, value: str | None, file: Path | None) -> str:
    """``value``, else what ``file`` holds, else a random one kept in ``directory`` with mode 0600.

    The generated file protects a copy of the key that travels alone (a backup of the keys, say); whoever
    can read the whole data directory has both.

    Raises:
        PassphraseError: the file that was named is not readable.
    """
    if value:
        return value
    if file is not None:
        return _read(file)
    generated = directory / FILE_NAME
    if not generated.exists():
        write_private(generated, secrets.token_hex(32) + "\n")
    return _read(generated)


def write_private(path: Path, text: str) -> None:
    """Write ``text`` so that no moment exists at which the file is half written or others can read it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def _read(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError as error:
        raise PassphraseError(
            f"The passphrase file {file} cannot be read.",
            why=str(error),
            next_step="Correct YAGNA_KEY_PASSPHRASE_FILE or the file's rights.",
        ) from error
