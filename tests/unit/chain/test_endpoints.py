"""Several endpoints of one chain: one that is down or serves another chain is passed over."""

import msgspec
import pytest

from golemnet.chain.endpoints import Endpoints
from golemnet.chain.errors import ChainUnreachable, RpcRefused, WrongChain
from golemnet.testing.anvil_chain import AnvilChain, free_port
from golemnet.testing.bad_chain import BadChain

pytestmark = pytest.mark.chain


@pytest.fixture
async def anvil(tmp_path):
    async with AnvilChain(tmp_path) as chain:
        yield chain


@pytest.fixture
async def proxies(anvil):
    async with BadChain(anvil.file.rpc_url) as first, BadChain(anvil.file.rpc_url) as second:
        yield first, second


async def test_the_next_endpoint_serves_while_the_first_is_down_and_after(anvil, proxies):
    first, second = proxies
    endpoints = Endpoints([first.url, second.url], anvil.file.chain_id)
    await endpoints.call("eth_blockNumber")
    first.is_down = True
    await endpoints.call("eth_blockNumber")
    first.is_down = False
    await endpoints.call("eth_blockNumber")

    assert second.calls == ["eth_chainId", "eth_blockNumber", "eth_blockNumber"]
    second.is_down = True
    await endpoints.call("eth_blockNumber")
    assert first.calls == ["eth_chainId", "eth_blockNumber"] * 2
    await endpoints.close()


async def test_endpoint_of_another_chain_is_passed_over_or_named(anvil, proxies):
    first, _ = proxies
    strict = Endpoints([first.url, f"http://127.0.0.1:{free_port()}"], 1)
    with pytest.raises(WrongChain, match="number 91738, not 1"):
        await strict.call("eth_blockNumber")
    await strict.close()


async def test_error_of_an_endpoint_is_an_answer(anvil, proxies):
    first, second = proxies
    endpoints = Endpoints([first.url, second.url], anvil.file.chain_id)
    with pytest.raises(RpcRefused):
        await endpoints.call("eth_nonsense")
    assert second.calls == []
    await endpoints.close()


async def test_no_endpoint_answers(anvil):
    dead = [f"http://127.0.0.1:{free_port()}" for _ in range(2)]
    endpoints = Endpoints(dead, anvil.file.chain_id)
    with pytest.raises(ChainUnreachable):
        await endpoints.call("eth_blockNumber")
    await endpoints.close()


def test_chain_file_of_an_older_version_has_one_endpoint(anvil):
    assert anvil.file.endpoints == (anvil.file.rpc_url,)
    more = msgspec.structs.replace(anvil.file, more_rpc_urls=("http://b",))
    assert more.endpoints == (anvil.file.rpc_url, "http://b")
