"""What is added to what a function raises elsewhere."""

import pickle
import sys
from functools import partial
from types import ModuleType
from unittest.mock import patch

import pytest

from golemnet.sdk import loop
from golemnet.sdk.calls import Call
from golemnet.sdk.commands import CommandKind
from golemnet.sdk.explained import explain, with_source

TRACE = """Traceback (most recent call last):
  File "<dynamic-code>", line {line}, in scaled
  File "<dynamic-code>", line 3, in from_elsewhere
  File "/usr/lib/python3.11/json.py", line 9, in scaled
ZeroDivisionError: division by zero
"""


def scaled(value, by):
    return value / by


@pytest.mark.parametrize("function", [scaled, partial(scaled, by=0)])
def test_lines_are_told_by_the_file_of_the_function(function):
    line = scaled.__code__.co_firstlineno + 1
    told = with_source(TRACE.format(line=line), function)
    assert f'  File "{__file__}", line {line}, in scaled\n    return value / by\n' in told
    assert '  File "<dynamic-code>", line 3, in from_elsewhere\n' in told
    assert '  File "/usr/lib/python3.11/json.py", line 9, in scaled\n' in told


def test_what_has_no_source_is_left_as_it_is():
    assert with_source(TRACE, len) == TRACE


def test_a_module_that_the_image_lacks_is_named_with_the_way_to_have_it():
    error = ModuleNotFoundError("No module named 'PIL.Image'", name="PIL.Image")
    explain(error, Call(CommandKind("f"), 1, ""), "ann")
    where, remedy = error.__notes__
    assert where == "It was f 1 at ann."
    assert "The image has no module PIL." in remedy
    assert "--debian python3,python3-pil " in remedy


def test_arrays_of_numpy_2_are_read_by_numpy_1():
    old = {name: ModuleType(name) for name in ("numpy", "numpy.core", "numpy.core.multiarray")}
    old["numpy"].__path__ = old["numpy.core"].__path__ = []
    old["numpy.core.multiarray"].rebuilt = complex
    with patch.dict(sys.modules, old):
        for name in [name for name in sys.modules if name.startswith("numpy._core")]:
            del sys.modules[name]
        assert loop.loaded(b"cnumpy._core.multiarray\nrebuilt\n.") is complex


def test_what_is_not_there_at_all_is_still_missing():
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        loop.loaded(b"cno_such_module\nthing\n.")
    assert loop.loaded(pickle.dumps([1])) == [1]
