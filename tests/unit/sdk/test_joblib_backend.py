"""joblib's own Parallel, with its calls in containers."""

import sys

import joblib
import pytest

from golemnet.sdk import executor
from golemnet.sdk.joblib_backend import register
from golemnet.sdk.packing import pack_call


def cubed(x):
    if x == 13:
        raise LookupError("thirteen")
    return x**3


@pytest.fixture
def golem(shop, monkeypatch):
    monkeypatch.setattr(executor, "Golem", lambda budget, **options: shop.golem(**options))
    register()
    return shop


def test_parallel_calls(golem):
    with joblib.parallel_config("golem", budget=2.0, n_jobs=2):
        assert joblib.Parallel()(joblib.delayed(cubed)(x) for x in range(12)) == [x**3 for x in range(12)]
    assert len(golem.market.ended) == len(golem.containers.created) > 0, "providers can send their invoices"


def test_what_a_call_raises(golem):
    with joblib.parallel_config("golem", n_jobs=1), pytest.raises(LookupError, match="thirteen"):
        joblib.Parallel()(joblib.delayed(cubed)(x) for x in (12, 13, 14))


def test_functions_of_the_user_s_modules_travel_as_arguments(tmp_path, monkeypatch):
    (tmp_path / "helpers_of_mine.py").write_text("def double(x): return 2 * x\n")
    monkeypatch.syspath_prepend(tmp_path)
    from helpers_of_mine import double  # pyright: ignore[reportMissingImports]

    packed = pack_call("f", [double], {})
    monkeypatch.delitem(sys.modules, "helpers_of_mine")
    monkeypatch.setattr(sys, "path", [each for each in sys.path if each != str(tmp_path)])
    import base64
    import pickle

    [[function], _] = pickle.loads(base64.b64decode(packed))
    assert function(4) == 8
