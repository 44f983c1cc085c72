"""Where the daemon is: ``ApiConfig``."""

from golemnet.requestor.published.configuration import ApiConfig
from golemnet.requestor.published.errors import MissingConfiguration

__all__ = ["ApiConfig", "MissingConfiguration"]
