"""Results are data: harmless pickles are read, and nothing in them is run."""

import collections
import dataclasses
import datetime
import decimal
import enum
import os
import pickle
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from golemnet.sdk.errors import CannotTravel
from golemnet.sdk.reading import read

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner) | st.frozensets(st.text())
    ),
    max_leaves=10,
)


class Colour(enum.Enum):
    RED = 1


@dataclasses.dataclass
class Box:
    content: object


@given(value=PLAIN)
def test_plain_data_comes_back(value):
    assert read(pickle.dumps(value)) == value


@pytest.mark.parametrize(
    "value",
    [
        datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC),
        decimal.Decimal("1.5"),
        collections.OrderedDict(a=1),
        collections.Counter("abc"),
        {1, 2},
        range(3),
        1j,
    ],
)
def test_types_of_the_standard_library_come_back(value):
    assert read(pickle.dumps(value)) == value


def test_an_exception_comes_back():
    error = read(pickle.dumps(KeyError("x")))
    assert (type(error), error.args) == (KeyError, ("x",))


def test_classes_of_the_function_s_module_come_back_and_no_others():
    content = pickle.dumps([Box(1), Colour.RED])
    assert read(content, {__name__}) == [Box(1), Colour.RED]
    with pytest.raises(CannotTravel, match="Box"):
        read(content)


def test_a_class_that_is_trusted_comes_back():
    assert read(pickle.dumps(Box(1)), trusted=[Box]) == Box(1)


class Busy:
    def __init__(self, what):
        raise AssertionError("it was made")


class Evil:
    def __init__(self, function, *arguments):
        self._call = function, arguments

    def __reduce__(self):
        return self._call


@pytest.mark.parametrize(
    "evil",
    [
        Evil(os.system, "true"),
        Evil(eval, "1"),
        Evil(getattr, "text", "format"),
        Evil(__import__, "os"),
        Evil(subprocess.Popen, ["true"]),
        Evil(open, "/etc/passwd"),
        Evil(type, "X", (), {}),
        Evil(Busy, 1),
    ],
)
def test_programs_are_refused(evil):
    with pytest.raises(CannotTravel):
        read(pickle.dumps(evil), {__name__})


def dotted(module: str, name: str) -> bytes:
    """A pickle that asks for one name."""
    return (
        b"\x80\x04"
        + pickle.SHORT_BINUNICODE
        + bytes([len(module)])
        + module.encode()
        + (pickle.SHORT_BINUNICODE + bytes([len(name)]) + name.encode() + pickle.STACK_GLOBAL + b".")
    )


@pytest.mark.parametrize(
    "name", ["os.system", "subprocess.run", "read", "pytest.main", "Evil.__init__", "os"]
)
def test_what_the_script_s_module_has_imported_is_refused(name):
    with pytest.raises(CannotTravel):
        read(dotted(__name__, name), {__name__})


def test_the_script_s_own_class_is_found_by_such_a_pickle():
    assert read(dotted(__name__, "Box"), {__name__}) is Box


@given(content=st.binary(max_size=60))
def test_garbage_is_refused_or_is_data(content):
    try:
        read(content)
    except CannotTravel:
        pass
