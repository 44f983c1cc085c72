"""Names of the engine that scripts use."""

from golemnet.requestor.platforms import DEFAULT_DRIVER, DEFAULT_NETWORK, MAINNET_NETWORKS
from golemnet.requestor.published.errors import NoPaymentAccountError
from golemnet.requestor.published.golem import DEFAULT_SUBNET
from golemnet.requestor.published.jobs import Job

__all__ = [
    "DEFAULT_DRIVER",
    "DEFAULT_NETWORK",
    "DEFAULT_SUBNET",
    "MAINNET_NETWORKS",
    "Job",
    "NoPaymentAccountError",
]
