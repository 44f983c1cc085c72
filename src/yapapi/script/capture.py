"""How much of an output is kept."""

from golemnet.requestor.published.capture import CaptureContext, CaptureFormat, CaptureMode

__all__ = ["CaptureContext", "CaptureFormat", "CaptureMode"]
