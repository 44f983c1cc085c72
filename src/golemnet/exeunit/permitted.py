"""Which commands a script may hold: all of them, or those that the agreement's manifest lists.

A manifest's entry is a text like ``run /bin/date`` or ``transfer http://a/b container:/c``, compared as a
whole or as a pattern that is searched; or JSON like ``{"run": {"args": "/bin/date", "match": "strict"}}``.
Patterns are strangers', so they go to a matcher whose time grows with the text's length alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from golemnet.exeunit.errors import CommandFailed
from golemnet.model.manifest import Script
from golemnet.model.script import Command, Run, Transfer

MAX_PATTERN_MEMORY: Final = 4 * 1024**2
SHOWN: Final = 200


class Permitted:
    """The commands of one activity; without a ``script`` all are permitted."""

    def __init__(self, script: Script | None) -> None:
        self._entries = None if script is None else list(_entries(script))

    def check(self, command: Command) -> None:
        """Raise CommandFailed if ``command`` is not permitted; deploy, start and terminate always are."""
        line = _line(command)
        if self._entries is None or line is None:
            return
        verb = line.partition(" ")[0]
        if not any(text.startswith(verb) and _fits(line, text, match) for text, match in self._entries):
            raise CommandFailed(
                f"The manifest of the agreement does not permit the command {line[:SHOWN]!r}.",
                next_step="Name it in the manifest's compManifest.script.commands.",
            )


def _line(command: Command) -> str | None:
    match command:
        case Run():
            return " ".join(["run", command.entry_point, *command.args])
        case Transfer():
            return f"transfer {command.source} {command.target}"
        case _:
            return None


def _entries(script: Script) -> Iterator[tuple[str, str]]:
    """Each entry as a text and how it is compared."""
    for text in script.commands:
        try:
            entry = msgspec.json.decode(text)
        except (ValueError, RecursionError):
            yield text, script.match
            continue
        yield from _of_json(entry, script.match)


def _of_json(entry: Any, match: str) -> Iterator[tuple[str, str]]:
    if not isinstance(entry, dict):
        return
    for verb, body in entry.items():
        if not isinstance(body, dict):
            continue
        words = _words([body.get("from"), body.get("to")] if verb == "transfer" else body.get("args"))
        if words:
            yield " ".join([verb, *words]), body.get("match", match)


def _words(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    is_text = isinstance(value, list) and all(isinstance(word, str) for word in value)
    return value if is_text else []


def _fits(line: str, text: str, match: str) -> bool:
    return _is_found(text, line) if match == "regex" else line == text


def _is_found(pattern: str, line: str) -> bool:
    import re2

    options = re2.Options()
    options.max_mem = MAX_PATTERN_MEMORY
    options.log_errors = False
    try:
        return re2.search(pattern, line, options) is not None
    except re2.error:
        return False
