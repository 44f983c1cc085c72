"""A task, and where it is."""

from golemnet.requestor.published.tasks import Task
from golemnet.requestor.tasks import TaskStatus

__all__ = ["Task", "TaskStatus"]
