"""What a worker yields."""

from golemnet.requestor.published.commands import ProgressArgs
from golemnet.requestor.published.script import Script

__all__ = ["ProgressArgs", "Script"]
