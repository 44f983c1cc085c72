"""Tasks and how they are executed."""

from golemnet.requestor.published.golem import DEFAULT_MAX_WORKERS, DEFAULT_TIMEOUT
from golemnet.requestor.published.tasks import Task

__all__ = ["DEFAULT_MAX_WORKERS", "DEFAULT_TIMEOUT", "Task"]
