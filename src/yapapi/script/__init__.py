"""What a worker yields."""

from golemnet.requestor.published.capture import CaptureContext
from golemnet.requestor.published.commands import (
    Command,
    Deploy,
    DownloadBytes,
    DownloadFile,
    DownloadFileFromInternet,
    DownloadJson,
    ProgressArgs,
    Run,
    SendBytes,
    SendFile,
    SendJson,
    Start,
    Terminate,
)
from golemnet.requestor.published.script import Script

__all__ = [
    "CaptureContext",
    "Command",
    "Deploy",
    "DownloadBytes",
    "DownloadFile",
    "DownloadFileFromInternet",
    "DownloadJson",
    "ProgressArgs",
    "Run",
    "Script",
    "SendBytes",
    "SendFile",
    "SendJson",
    "Start",
    "Terminate",
]
