"""Old and new clients find the chain under the name of their time."""

import pytest

from golemnet.daemon.payment.platforms import DEFAULT_PLATFORM, Platforms, parse_platform
from golemnet.rest.errors import BadRequest
from golemnet.rest.payment import PaymentPlatform


@pytest.mark.parametrize(
    "wanted",
    [
        None,
        "",
        "erc20-holesky-tglm",
        PaymentPlatform(),
        PaymentPlatform(driver="erc20", network="holesky"),
        PaymentPlatform(token="tglm"),
    ],
)
def test_the_default_is_what_published_clients_mean(wanted):
    assert Platforms().choose(wanted) == DEFAULT_PLATFORM


@pytest.mark.parametrize("name", ["erc20-local-tglm", "erc20-goerli-tglm", "zksync-rinkeby-tglm"])
def test_other_names_of_the_chain(name):
    assert Platforms().choose(name) == name


@pytest.mark.parametrize(
    "wanted", ["erc20-mainnet-glm", "ERC20-holesky-tglm", PaymentPlatform(network="mars")]
)
def test_unknown_platform_is_refused_with_a_list(wanted):
    with pytest.raises(BadRequest, match="erc20-holesky-tglm"):
        Platforms().choose(wanted)


@pytest.mark.parametrize("name", ["", "erc20", "erc20-holesky", "a-b-c-d", "a--c"])
def test_name_has_three_parts(name):
    with pytest.raises(BadRequest):
        parse_platform(name)


def test_exactly_one_platform_is_the_default():
    assert [each.platform for each in Platforms().entries() if each.default] == [DEFAULT_PLATFORM]
