"""The registry and its client over real HTTP."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from golemnet.image.client import RegistryClient
from golemnet.image.errors import RegistryError, UnknownImage, WrongContent
from golemnet.image.gvmi import ImageConfig, append_config, hash_image
from golemnet.image.ready_made import adopt_ready_made
from golemnet.image.recipe import Recipe, cached_image
from golemnet.image.recipes import ready_made_tag, small_image
from golemnet.image.registry import Registry
from golemnet.image.store import ImageStore, full_tag


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    ready = asyncio.Event()
    serving = asyncio.create_task(Registry(tmp_path / "registry", "secret").run("127.0.0.1", port, ready))
    await asyncio.wait_for(ready.wait(), 20)
    yield f"http://127.0.0.1:{port}"
    serving.cancel()
    await asyncio.wait({serving})


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "small.gvmi"
    path.write_bytes(b"hsqs" + os.urandom(3_000_000))
    append_config(path, ImageConfig(volumes={"/golem/work": {}}))
    return path


async def test_pushed_image_is_found_by_hash_and_tag(url: str, image: Path):
    async with RegistryClient(url, "secret") as client:
        info = await client.push(image, "demo/small:1")
        assert info.sha3 == hash_image(image)
        assert info == await client.lookup(sha3=info.sha3) == await client.lookup(tag="demo/small:1")
        with pytest.raises(UnknownImage):
            await client.lookup(tag="demo/small")


async def test_both_forms_of_asking(url: str, image: Path):
    async with RegistryClient(url, "secret") as client, aiohttp.ClientSession() as http:
        sha3 = (await client.push(image)).sha3
        async with http.get(f"{url}/image.{sha3}.link") as answer:
            assert (answer.status, await answer.text()) == (200, f"{url}/download/{sha3}")
        async with http.get(f"{url}/v1/image/info", params={"hash": sha3, "count": "true"}) as answer:
            assert set(await answer.json()) == {"http", "https", "sha3", "size"}
        async with http.get(f"{url}/image.{'0' * 56}.link") as answer:
            assert answer.status == 404


async def test_broken_download_is_continued(url: str, image: Path, tmp_path: Path):
    async with RegistryClient(url, "secret") as client:
        info = await client.push(image)
        target = tmp_path / "fetched.gvmi"
        (tmp_path / "fetched.gvmi.part").write_bytes(image.read_bytes()[:1_000_000])
        await client.download(info.http, info.sha3, target)
        assert target.read_bytes() == image.read_bytes()


async def test_complete_part_is_enough(url: str, image: Path, tmp_path: Path):
    async with RegistryClient(url, "secret") as client:
        info = await client.push(image)
        (tmp_path / "fetched.gvmi.part").write_bytes(image.read_bytes())
        assert (await client.download(info.http, info.sha3, tmp_path / "fetched.gvmi")).exists()


async def test_wrong_content_is_not_kept(url: str, image: Path, tmp_path: Path):
    async with RegistryClient(url, "secret") as client:
        info = await client.push(image)
        with pytest.raises(WrongContent):
            await client.download(info.http, "0" * 56, tmp_path / "fetched.gvmi")
        assert not list(tmp_path.glob("fetched*"))


@pytest.mark.parametrize("token", [None, "", "guess"])
async def test_upload_needs_the_token(url: str, image: Path, token: str | None):
    async with RegistryClient(url, token) as client:
        with pytest.raises(RegistryError, match="401"):
            await client.push(image)


async def test_upload_of_something_else_leaves_nothing(url: str, tmp_path: Path):
    (tmp_path / "text").write_text("no image")
    async with RegistryClient(url, "secret") as client:
        with pytest.raises(RegistryError, match="not a gvmi"):
            await client.push(tmp_path / "text")
    assert [path.name for path in (tmp_path / "registry").rglob("*")] == ["images"]


async def test_nobody_there_is_said():
    async with RegistryClient("http://127.0.0.1:9") as client:
        with pytest.raises(RegistryError, match="cannot be reached"):
            await client.lookup(tag="a")


@pytest.mark.parametrize("tag", ["", "../x", "A", "/a", "a:", "a:b:c", "a" * 300, "a b"])
def test_malformed_tags(tag: str):
    with pytest.raises(ValueError):
        full_tag(tag)


def test_adopted_image_is_there(image: Path, tmp_path: Path):
    store = ImageStore(tmp_path / "registry")
    sha3 = store.adopt(image)
    store.set_tag("demo/small", sha3)
    assert store.path(store.tagged("demo/small:latest")).samefile(image)


def kept(image: Path, cache: Path) -> Recipe:
    """Let ``cache`` have ``image`` as if it had been built for the recipe ``small``."""
    recipe = small_image()
    folder = cache / f"small-{recipe.key}"
    folder.mkdir(parents=True)
    (folder / "image.gvmi").write_bytes(image.read_bytes())
    (folder / "sha3").write_text(hash_image(image))
    assert cached_image(recipe, cache).image == folder / "image.gvmi"
    return recipe


def test_ready_made_images_are_there_from_the_start(image: Path, tmp_path: Path):
    recipe = kept(image, tmp_path / "cache")
    store = ImageStore(tmp_path / "registry")
    assert adopt_ready_made(store, tmp_path / "cache") == [ready_made_tag(recipe)]
    assert store.tagged(ready_made_tag(recipe)) == hash_image(image)
    assert store.path(hash_image(image)).read_bytes() == image.read_bytes()


def test_a_ready_made_image_that_cannot_be_read_is_left_out(image: Path, tmp_path: Path):
    recipe = kept(image, tmp_path / "cache")
    cached_image(recipe, tmp_path / "cache").image.write_text("half of it")
    store = ImageStore(tmp_path / "registry")
    assert adopt_ready_made(store, tmp_path / "cache") == []
    assert store.tags() == {}


async def test_an_image_that_is_too_long_is_not_kept(url: str, image: Path, tmp_path: Path):
    async with RegistryClient(url, "secret") as client:
        info = await client.push(image)
        with pytest.raises(RegistryError, match="more than 1000000 bytes"):
            await client.download(info.http, info.sha3, tmp_path / "copy", 1_000_000)
    assert not (tmp_path / "copy").exists()
    assert (tmp_path / "copy.part").stat().st_size == 0
