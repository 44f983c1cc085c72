"""The door: ``async with Golem(budget=1.0) as golem``."""

from golemnet.requestor.published.configuration import ApiConfig
from golemnet.sdk.published_golem import Golem

__all__ = ["ApiConfig", "Golem"]
