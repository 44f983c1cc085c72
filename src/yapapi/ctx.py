"""What a worker is given: ``from yapapi.ctx import WorkContext``."""

from golemnet.requestor.published.capture import CaptureContext, CaptureFormat, CaptureMode
from golemnet.requestor.published.context import ActivityUsage, ExecOptions, WorkContext
from golemnet.requestor.published.script import Script

__all__ = [
    "ActivityUsage",
    "CaptureContext",
    "CaptureFormat",
    "CaptureMode",
    "ExecOptions",
    "Script",
    "WorkContext",
]
