"""Activities, and how scripts can fail."""

from golemnet.requestor.published.agreements import Activity
from golemnet.requestor.published.configuration import ActivityService
from golemnet.requestor.published.errors import BatchError, BatchTimeoutError, CommandExecutionError

__all__ = ["Activity", "ActivityService", "BatchError", "BatchTimeoutError", "CommandExecutionError"]
