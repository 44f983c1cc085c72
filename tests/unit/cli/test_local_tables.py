"""The status of a local network as people read it."""

from __future__ import annotations

from decimal import Decimal

import pytest
from rich.console import Console

from golemnet.cli.local_tables import status_table
from golemnet.local.status import Line

NODE = "0x80b93f845959b8a2b54a6bc3145df6105b02460d"


@pytest.mark.parametrize("balance", [Decimal("1000"), Decimal("99999.123456789"), None])
def test_it_fits_into_80_columns(balance: Decimal | None) -> None:
    lines = [
        Line("provider-99", "provider", "ready", 4194304, 9999, NODE, "http://127.0.0.1:65535", balance),
        Line("chain", "chain", "ended", None, None, None, None, None),
    ]
    console = Console(width=80)
    with console.capture() as captured:
        console.print(status_table(lines))
    head, *_, provider, chain = captured.get().strip().splitlines()
    assert head.split() == ["process", "state", "pid", "MB", "node", "id", "api", "GLM"]
    assert provider.split()[2:6] == ["4194304", "9999", "0x80b93f…460d", "127.0.0.1:65535"]
    assert chain.split() == ["chain", "ended"]
