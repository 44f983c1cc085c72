import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "requestor")]

from local_containers import Shop, open_shop  # noqa: E402


@pytest.fixture
async def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Shop]:
    monkeypatch.setenv("YAGNA_APPKEY", "key")
    async with open_shop(tmp_path, monkeypatch) as shop:
        yield shop
