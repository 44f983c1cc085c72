"""How instances are watched."""

from golemnet.requestor.published.errors import ServiceRunnerError
from golemnet.requestor.published.service import ControlSignal
from golemnet.requestor.published.service_runner import (
    DEFAULT_HEALTH_CHECK_INTERVAL,
    DEFAULT_HEALTH_CHECK_RETRIES,
)

__all__ = [
    "DEFAULT_HEALTH_CHECK_INTERVAL",
    "DEFAULT_HEALTH_CHECK_RETRIES",
    "ControlSignal",
    "ServiceRunnerError",
]
