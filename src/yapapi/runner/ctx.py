"""What a worker is given: ``from yapapi.runner.ctx import WorkContext``."""

from golemnet.requestor.work_context import Work, WorkContext

__all__ = ["Work", "WorkContext"]
