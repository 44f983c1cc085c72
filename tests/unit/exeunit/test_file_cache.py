"""Files that are kept by their hash: fetched once, for their requestor only, within a bound."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from golemnet.exeunit import file_cache
from golemnet.exeunit.errors import TransferFailed
from golemnet.exeunit.file_cache import FileCache
from golemnet.gftp.content_names import content_name

ANN, BOB = "0x" + "a" * 40, "0x" + "b" * 40
SIZE = 100_000
TIMEOUT_S = 20


class Source:
    """A file somewhere else, which counts how often it is asked for."""

    def __init__(self, data: bytes, breaks_after: int | None = None) -> None:
        self.data = data
        self.digest = hashlib.sha3_256(data).hexdigest()
        self.fetched = 0
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()
        self._breaks_after = breaks_after

    @asynccontextmanager
    async def open(self) -> AsyncIterator[tuple[AsyncIterator[bytes], int]]:
        self.fetched += 1
        yield self._chunks(), len(self.data)

    async def _chunks(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self.data), 1000):
            await self.may_go_on.wait()
            if start == self._breaks_after:
                raise TransferFailed("It broke off.")
            yield self.data[start : start + 1000]


async def got(cache: FileCache, source: Source, digest: str | None = None) -> bytes:
    async with asyncio.timeout(TIMEOUT_S), cache.get(digest or source.digest, source.open) as (content, size):
        data = b"".join([chunk async for chunk in content])
        assert size == len(data)
        return data


@pytest.mark.parametrize("form", ["sha3_224", "sha3_256", "sha3_512", "sha256"])
async def test_a_file_is_fetched_once(tmp_path: Path, form: str) -> None:
    source = Source(os.urandom(SIZE))
    digest = content_name(form, hashlib.new(form, source.data).hexdigest())
    for _ in range(3):
        assert await got(FileCache(tmp_path, ANN), source, digest) == source.data
    assert source.fetched == 1


async def test_many_who_want_it_at_once_wait_for_one(tmp_path: Path) -> None:
    source = Source(os.urandom(SIZE))
    source.may_go_on.clear()
    getting = [asyncio.create_task(got(FileCache(tmp_path, ANN), source)) for _ in range(5)]
    await asyncio.sleep(0)
    source.may_go_on.set()
    assert await asyncio.gather(*getting) == [source.data] * 5
    assert source.fetched == 1


async def test_nobody_finds_what_another_has_sent(tmp_path: Path) -> None:
    source, nothing = Source(os.urandom(SIZE)), Source(b"")
    await got(FileCache(tmp_path, ANN), source)
    with pytest.raises(TransferFailed, match="another hash"):
        await got(FileCache(tmp_path, BOB), nothing, source.digest)
    assert nothing.fetched == 1
    await got(FileCache(tmp_path, BOB), source)
    assert source.fetched == 2


@pytest.mark.parametrize(("size", "limit"), [(SIZE, 10 * SIZE), (SIZE, 0), (100, 10 * SIZE)])
@pytest.mark.parametrize("name", ["0" * 64, "sha256-" + "0" * 64])
async def test_what_is_not_what_its_hash_says_is_refused_and_not_kept(
    tmp_path: Path, size: int, limit: int, name: str
) -> None:
    source, cache = Source(os.urandom(size)), FileCache(tmp_path, ANN, limit)
    for _ in range(2):
        with pytest.raises(TransferFailed, match="another hash"):
            await got(cache, source, name)
    assert source.fetched == 2


async def test_what_breaks_off_is_not_kept(tmp_path: Path) -> None:
    whole = Source(os.urandom(SIZE))
    with pytest.raises(TransferFailed):
        await got(FileCache(tmp_path, ANN), Source(whole.data, breaks_after=50_000))
    assert await got(FileCache(tmp_path, ANN), whole) == whole.data
    assert whole.fetched == 1


async def test_a_copy_that_the_disk_has_lost_is_not_taken_for_the_file(tmp_path: Path) -> None:
    source, cache = Source(os.urandom(SIZE)), FileCache(tmp_path, ANN)
    await got(cache, source)
    (tmp_path / ANN / source.digest).write_bytes(bytes(SIZE))
    with pytest.raises(TransferFailed, match="broken"):
        await got(cache, source)
    assert await got(cache, source) == source.data


async def test_a_kept_file_is_hashed_while_it_is_used_and_the_loop_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_cache, "CHUNK_BYTES", 10_000)
    source, cache = Source(os.urandom(SIZE)), FileCache(tmp_path, ANN)
    await got(cache, source)
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    assert await got(cache, source) == source.data
    counting.cancel()
    assert turns >= SIZE // 10_000


async def test_whoever_has_enough_of_a_kept_file_leaves_it_as_it_is(tmp_path: Path) -> None:
    source, cache = Source(os.urandom(SIZE)), FileCache(tmp_path, ANN)
    await got(cache, source)
    async with cache.get(source.digest, source.open) as (content, _):
        async for _ in content:
            break
    assert await got(cache, source) == source.data
    assert source.fetched == 1


async def test_what_was_not_used_for_longest_goes_first(tmp_path: Path) -> None:
    files = [Source(os.urandom(SIZE)) for _ in range(3)]
    caches = [FileCache(tmp_path, who, 2 * SIZE + 1) for who in (ANN, BOB, ANN)]
    for moment, (source, cache) in enumerate(zip(files[:2], caches[:2], strict=True)):
        await got(cache, source)
        os.utime(next(tmp_path.glob(f"*/{source.digest}")), (moment, moment))
    await got(caches[0], files[0])  # a use makes it the younger one
    await got(caches[2], files[2])
    assert sorted(each.name for each in tmp_path.glob("*/[!.]*")) == sorted(
        source.digest for source in (files[0], files[2])
    )


async def test_what_is_larger_than_the_bound_passes_and_nothing_goes_for_it(tmp_path: Path) -> None:
    kept, large = Source(os.urandom(SIZE)), Source(os.urandom(3 * SIZE))
    cache = FileCache(tmp_path, ANN, 2 * SIZE)
    await got(cache, kept)
    assert await got(cache, large) == large.data
    assert [each.name for each in tmp_path.glob("*/[!.]*")] == [kept.digest]


async def test_small_files_and_those_of_a_cache_without_room_are_not_kept(tmp_path: Path) -> None:
    small, other = Source(bytes(file_cache.LEAST_BYTES - 1)), Source(os.urandom(SIZE))
    for _ in range(2):
        await got(FileCache(tmp_path / "a", ANN), small)
        await got(FileCache(tmp_path / "b", ANN, 0), other)
    assert (small.fetched, other.fetched) == (2, 2)
    assert not (tmp_path / "b").exists()


async def test_a_full_disk_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Source(os.urandom(SIZE))
    monkeypatch.setattr(file_cache, "_write", lambda _file, _chunk: False)
    for _ in range(2):
        assert await got(FileCache(tmp_path, ANN), source) == source.data
    assert source.fetched == 2
