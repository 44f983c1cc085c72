"""Passphrases from a terminal or a file; never from an argument, which the process list shows to all."""

from __future__ import annotations

import sys
from getpass import getpass
from pathlib import Path

from golemnet.errors import GolemError


def passphrase_of(file: Path | None, prompt: str, *, twice: bool) -> str:
    """What ``file`` holds, or what a person types. Raises GolemError if there is neither."""
    if file is None:
        return ask(prompt, twice=twice)
    try:
        secret = file.read_text().strip()
    except OSError as error:
        raise GolemError(f"The passphrase file {file} cannot be read.", why=str(error)) from error
    return _checked(secret)


def ask(prompt: str, *, twice: bool) -> str:
    """What a person types on the terminal, unseen; ``twice`` where a slip would lock a key away."""
    if not sys.stdin.isatty():
        raise GolemError("There is no terminal to ask for the passphrase.", next_step="Name a file with it.")
    secret = _checked(getpass(f"{prompt}: "))
    if twice and getpass("Once more: ") != secret:
        raise GolemError("The two are not the same.")
    return secret


def _checked(secret: str) -> str:
    if not secret:
        raise GolemError("The passphrase is empty.")
    return secret
