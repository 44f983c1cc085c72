"""What a worker is given: ``from yapapi.ctx import WorkContext``."""

from golemnet.requestor.published.capture import CaptureContext, CaptureFormat, CaptureMode
from golemnet.requestor.published.context import ActivityUsage, ExecOptions, WorkContext

__all__ = ["ActivityUsage", "CaptureContext", "CaptureFormat", "CaptureMode", "ExecOptions", "WorkContext"]
