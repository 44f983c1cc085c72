"""The constraint language of the market: an expression over the properties of the other side.

::

    filter = "(" body ")"
    body   = "" | "&" filter* | "|" filter* | "!" filter | item
    item   = name op value | name "=*"             op = "=" "<" "<=" ">" ">="
    name   = dotted name [ "[" aspect "]" ] [ "$t" | "$v" | "$d" ]

Blanks may stand between filters; a value is everything up to the closing bracket. ``()`` and ``(&)`` are
true, ``(|)`` is false. The answer has three values: None (undefined) stands for what cannot be decided,
because a property is missing or is of another type. Source: the Golem standards' constraint grammar.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import msgspec

from golemnet.model.literals import compare
from golemnet.model.properties import Value

MAX_CHARACTERS = 64 * 1024
MAX_DEPTH = 64

_ITEM = re.compile(
    r"\s*(?P<name>[^=<>()&|!*\[\]$\s]+)(?P<aspect>\[[^\]()]*\])?(?:\$(?P<suffix>[tvd]))?\s*"
    r"(?P<symbol><=|>=|=|<|>)(?P<literal>[^)]*)"
)
_BLANKS = re.compile(r"\s*")


class ConstraintSyntaxError(ValueError):
    """A constraint cannot be read; the text shows the place with a caret.

    Args:
        what: what is wrong there.
        text: the constraint.
        position: where, as an index into ``text``.
    """

    def __init__(self, what: str, text: str, position: int) -> None:
        self.what = what
        self.position = position
        start = max(position - 40, 0)
        excerpt = re.sub(r"\s", " ", text[start : position + 20])
        caret = " " * (position - start) + "^"
        super().__init__(
            f"the constraint cannot be read at character {position}: {what}\n  {excerpt}\n  {caret}"
        )


class Verdict(msgspec.Struct, frozen=True):
    """The outcome of a constraint: its value, and the parts (as text) that did not hold."""

    value: bool | None
    refusals: list[str]


class Constraint(msgspec.Struct, frozen=True):
    """A parsed constraint; ``str`` gives its text."""

    def holds(self, properties: Mapping[str, Value]) -> bool | None:
        """True, False, or None where it cannot be decided."""
        raise NotImplementedError

    def names(self) -> frozenset[str]:
        """The properties that the answer depends on."""
        return frozenset()

    def refusals(self, properties: Mapping[str, Value]) -> list[str]:
        """The smallest parts that keep this constraint from being true; empty if it is."""
        return [] if self.holds(properties) is True else [str(self)]

    def evaluate(self, properties: Mapping[str, Value]) -> Verdict:
        """The value with the reasons for it; slower than ``holds``."""
        return Verdict(self.holds(properties), self.refusals(properties))


class _Present(Constraint, frozen=True):
    """``(name=*)``: the property exists."""

    name: str
    written: str

    def holds(self, properties: Mapping[str, Value]) -> bool | None:
        return self.name in properties

    def names(self) -> frozenset[str]:
        return frozenset((self.name,))

    def __str__(self) -> str:
        return f"({self.written}=*)"


class _Comparison(Constraint, frozen=True):
    """``(name op value)``; ``written`` is the name with aspect and suffix."""

    name: str
    written: str
    suffix: str
    symbol: str
    literal: str

    def holds(self, properties: Mapping[str, Value]) -> bool | None:
        value = properties.get(self.name)
        return None if value is None else compare(value, self.symbol, self.literal, self.suffix)

    def names(self) -> frozenset[str]:
        return frozenset((self.name,))

    def __str__(self) -> str:
        return f"({self.written}{self.symbol}{self.literal})"


class _Every(Constraint, frozen=True):
    """``(&...)``: all parts hold."""

    parts: tuple[Constraint, ...]

    def holds(self, properties: Mapping[str, Value]) -> bool | None:
        undecided = False
        for part in self.parts:
            value = part.holds(properties)
            if value is False:
                return False
            undecided = undecided or value is None
        return None if undecided else True

    def names(self) -> frozenset[str]:
        return _names_of(self.parts)

    def refusals(self, properties: Mapping[str, Value]) -> list[str]:
        return _refusals_of(self.parts, properties)

    def __str__(self) -> str:
        return f"(&{''.join(map(str, self.parts))})"


class _Some(Constraint, frozen=True):
    """``(|...)``: one part holds."""

    parts: tuple[Constraint, ...]

    def holds(self, properties: Mapping[str, Value]) -> bool | None:
        undecided = False
        for part in self.parts:
            value = part.holds(properties)
            if value is True:
                return True
            undecided = undecided or value is None
        return None if undecided else False

    def names(self) -> frozenset[str]:
        return _names_of(self.parts)

    def refusals(self, properties: Mapping[str, Value]) -> list[str]:
        if self.holds(properties) is True:
            return []
        return _refusals_of(self.parts, properties) or [str(self)]

    def __str__(self) -> str:
        return f"(|{''.join(map(str, self.parts))})"


class _Negation(Constraint, frozen=True):
    """``(!...)``: the part does not hold."""

    part: Constraint

    def holds(self, properties: Mapping[str, Value]) -> bool | None:
        value = self.part.holds(properties)
        return None if value is None else not value

    def names(self) -> frozenset[str]:
        return self.part.names()

    def __str__(self) -> str:
        return f"(!{self.part})"


class _Always(Constraint, frozen=True):
    """``()``: nothing is asked for."""

    def holds(self, properties: Mapping[str, Value]) -> bool | None:
        return True

    def __str__(self) -> str:
        return "()"


def _refusals_of(parts: Sequence[Constraint], properties: Mapping[str, Value]) -> list[str]:
    return [text for part in parts for text in part.refusals(properties)]


def _names_of(parts: Sequence[Constraint]) -> frozenset[str]:
    return frozenset[str]().union(*(part.names() for part in parts))


def parse(text: str) -> Constraint:
    """The constraint that ``text`` writes.

    Raises:
        ConstraintSyntaxError: it cannot be read, is longer than 64 KiB, or nested deeper than 64 levels.
    """
    if len(text) > MAX_CHARACTERS:
        raise ConstraintSyntaxError(f"it is longer than {MAX_CHARACTERS} characters", text, MAX_CHARACTERS)
    reader = _Reader(text)
    constraint = reader.filter(MAX_DEPTH)
    reader.end()
    return constraint


class _Reader:
    """Reads one constraint from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0

    def filter(self, depth: int) -> Constraint:
        self._expect("(", "a constraint begins with '('; write () for one that is always true")
        if depth == 0:
            raise self._error(f"it is nested deeper than {MAX_DEPTH} levels")
        constraint = self._body(depth)
        self._expect(")", "')' is missing")
        return constraint

    def end(self) -> None:
        if self._peek():
            raise self._error("nothing may follow the last ')'")

    def _body(self, depth: int) -> Constraint:
        match self._peek():
            case ")":
                return _Always()
            case "&":
                return _Every(self._filters(depth))
            case "|":
                return _Some(self._filters(depth))
            case "!":
                self._position += 1
                return _Negation(self.filter(depth - 1))
            case _:
                return self._item()

    def _filters(self, depth: int) -> tuple[Constraint, ...]:
        self._position += 1
        parts: list[Constraint] = []
        while self._peek() == "(":
            parts.append(self.filter(depth - 1))
        return tuple(parts)

    def _item(self) -> Constraint:
        found = _ITEM.match(self._text, self._position)
        if found is None:
            raise self._error("a property, one of = < <= > >= and a value are expected")
        self._position = found.end()
        name, aspect, suffix = found["name"], found["aspect"] or "", found["suffix"] or ""
        written = name + aspect + (f"${suffix}" if suffix else "")
        if found["symbol"] == "=" and found["literal"].strip() == "*":
            return _Present(name + aspect, written)
        return _Comparison(name + aspect, written, suffix, found["symbol"], found["literal"])

    def _peek(self) -> str:
        """The next character that is not blank; empty at the end."""
        blanks = _BLANKS.match(self._text, self._position)
        assert blanks is not None, "blanks can be none at all"
        self._position = blanks.end()
        return self._text[self._position : self._position + 1]

    def _expect(self, character: str, otherwise: str) -> None:
        if self._peek() != character:
            raise self._error(otherwise)
        self._position += 1

    def _error(self, what: str) -> ConstraintSyntaxError:
        return ConstraintSyntaxError(what, self._text, self._position)
