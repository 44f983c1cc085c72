"""Two daemons never share a data directory."""

from __future__ import annotations

from pathlib import Path

import pytest

from golemnet.daemon.lock import AlreadyRunning, exclusive


def test_the_second_is_refused_until_the_first_has_gone(tmp_path: Path):
    with exclusive(tmp_path), pytest.raises(AlreadyRunning, match="already running"), exclusive(tmp_path):
        pass
    with exclusive(tmp_path):
        pass
