"""Keeping the nodes' keys from one start of a local network to the next."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from golemnet.errors import GolemError
from golemnet.local.plan import Secrets, new_secrets


def keep_secrets(path: Path, names: Sequence[str]) -> Secrets:
    """Keys for the nodes ``names`` from the file ``path``, which nobody else may read; missing ones are made.

    Raises:
        GolemError: the file is damaged.
    """
    kept = new_secrets(names, _read(path))
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(kept))
    os.replace(part, path)
    return kept


def _read(path: Path) -> Secrets | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Secrets)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise GolemError(
            f"{path} is damaged.", why=str(error), next_step="Begin anew: golem local up --fresh"
        ) from error
