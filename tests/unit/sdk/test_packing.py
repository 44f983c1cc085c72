"""Functions that can travel do so with all they need; the others are named, with what is in the way."""

import base64
import pickle
import sys
import threading

import pytest

from golemnet.sdk.errors import CannotTravel
from golemnet.sdk.packing import pack_call, pack_function, program

LOCK = threading.Lock()


def guarded():
    with LOCK:
        return 1


def generating():
    yield 1


def test_what_is_in_the_way_is_named():
    with pytest.raises(CannotTravel, match=r"guarded cannot travel.*'LOCK'"):
        pack_function(guarded)


def test_a_generator_cannot_travel():
    with pytest.raises(CannotTravel, match="generating is a generator"):
        pack_function(generating)


def test_what_is_no_function_cannot_travel():
    with pytest.raises(CannotTravel, match="is no function"):
        pack_function(5)  # pyright: ignore[reportArgumentType]


def test_an_argument_that_cannot_travel_is_named():
    with pytest.raises(CannotTravel, match="Argument lock of f cannot travel"):
        pack_call("f", [1], {"lock": LOCK})
    with pytest.raises(CannotTravel, match="Argument 1 of f cannot travel"):
        pack_call("f", [1, LOCK], {})


def test_arguments_are_plain_pickles_where_that_is_enough():
    packed = pickle.loads(base64.b64decode(pack_call("f", [1, "two"], {"three": 3.0})))
    assert packed == ((1, "two"), {"three": 3.0})


def test_modules_of_the_user_travel_and_installed_ones_do_not(tmp_path, monkeypatch):
    (tmp_path / "helper_of_mine.py").write_text("def double(x):\n    return 2 * x\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import helper_of_mine  # pyright: ignore[reportMissingImports]

    function = pack_function(helper_of_mine.double)
    monkeypatch.delitem(sys.modules, "helper_of_mine")
    monkeypatch.setattr(sys, "path", [each for each in sys.path if each != str(tmp_path)])
    assert pickle.loads(function.content)(4) == 8
    assert "helper_of_mine" in function.modules
    assert not any(name.startswith(("pytest", "hypothesis", "json")) for name in function.modules)


def test_the_same_function_has_the_same_key():
    assert pack_function(pow).key == pack_function(pow).key != pack_function(abs).key


def test_the_program_stands_alone():
    compile(program(), "loop.py", "exec")
    assert b"@CLOUDPICKLE@" not in program()
