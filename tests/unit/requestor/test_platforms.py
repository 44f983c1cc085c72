"""How a script pays: what it says, what the environment says, and what nobody says."""

import pytest

from golemnet.requestor.platforms import chosen_platform
from yapapi import Golem

DRIVER, NETWORK = "YAGNA_PAYMENT_DRIVER", "YAGNA_PAYMENT_NETWORK"


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch):
    monkeypatch.delenv(DRIVER, raising=False)
    monkeypatch.delenv(NETWORK, raising=False)
    monkeypatch.setenv("YAGNA_APPKEY", "key")


@pytest.mark.parametrize(
    ("given", "environment", "platform"),
    [
        ((), {}, None),
        (("voucher",), {}, "voucher-local-tglm"),
        (("Voucher", "Local"), {}, "voucher-local-tglm"),
        ((), {DRIVER: "voucher"}, "voucher-local-tglm"),
        (("erc20",), {DRIVER: "voucher", NETWORK: "local"}, "erc20-local-tglm"),
        ((), {NETWORK: "polygon"}, "erc20-polygon-glm"),
    ],
)
def test_platform_of_a_script(monkeypatch, given, environment, platform):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert chosen_platform(*given) == platform


def test_one_option_is_enough_in_the_published_api():
    by_vouchers, as_ever = Golem(budget=1, payment_driver="voucher"), Golem(budget=1)
    assert (by_vouchers.payment_driver, by_vouchers.payment_network) == ("voucher", "local")
    assert (as_ever.payment_driver, as_ever.payment_network) == ("erc20", "holesky")
