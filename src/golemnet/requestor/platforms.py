"""How a script pays: by the platform that it names, or the environment, or as its daemon prefers."""

from __future__ import annotations

import os

DRIVER_VARIABLE, NETWORK_VARIABLE = "YAGNA_PAYMENT_DRIVER", "YAGNA_PAYMENT_NETWORK"
DEFAULT_DRIVER, DEFAULT_NETWORK = "erc20", "holesky"
MAINNET_NETWORKS = ("mainnet", "polygon")
_USUAL_NETWORKS = {"voucher": "local"}


def driver_of(given: str | None) -> str:
    """The driver that was given, or that of the environment, or the usual one."""
    return (given or os.environ.get(DRIVER_VARIABLE) or DEFAULT_DRIVER).lower()


def network_of(given: str | None, driver: str) -> str:
    """The network that was given, or that of the environment, or the usual one of the driver."""
    usual = _USUAL_NETWORKS.get(driver, DEFAULT_NETWORK)
    return (given or os.environ.get(NETWORK_VARIABLE) or usual).lower()


def platform_of(driver: str, network: str) -> str:
    """The payment platform with the network's usual token."""
    token = "glm" if network in MAINNET_NETWORKS else "tglm"
    return f"{driver}-{network}-{token}".lower()


def chosen_platform(driver: str | None = None, network: str | None = None) -> str | None:
    """The platform that is named in part at least; None leaves it to the daemon."""
    if not any((driver, network, os.environ.get(DRIVER_VARIABLE), os.environ.get(NETWORK_VARIABLE))):
        return None
    chosen = driver_of(driver)
    return platform_of(chosen, network_of(network, chosen))
