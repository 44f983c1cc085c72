"""The payment platform that the options ``--driver`` and ``--network`` name."""

from __future__ import annotations

from golemnet.errors import GolemError
from golemnet.rest.client import Client


async def platform_of(client: Client, driver: str, network: str | None) -> str | None:
    """The name of the platform on ``network``; None (the daemon's default) if nothing was named."""
    if network is None and driver == "erc20":
        return None
    known = await client.payment.get_drivers()
    found = [each.platform for each in known if each.driver == driver and network in (None, each.network)]
    if not found:
        raise GolemError(
            f"There is no payment network {network or ''!r} for the driver {driver!r}.",
            why=f"This daemon knows {', '.join(each.platform for each in known) or 'none'}.",
            next_step="See `yagna payment driver list`.",
        )
    return found[0]
