"""What every module of this suite is marked with."""

from __future__ import annotations

import os

import pytest

MARKS = [
    pytest.mark.clients,
    pytest.mark.system,
    pytest.mark.slow,
    pytest.mark.privileged,
    pytest.mark.chain,
    pytest.mark.skipif(os.geteuid() != 0, reason="containers of the best driver need root"),
    pytest.mark.timeout(180),
]
shows = pytest.mark.shows
