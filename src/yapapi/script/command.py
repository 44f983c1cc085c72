"""The commands of a script."""

from golemnet.requestor.published.commands import (
    BatchCommand,
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
    Source,
    Start,
    Terminate,
)
from golemnet.requestor.published.commands import (
    ReceiveContent as _ReceiveContent,
)
from golemnet.requestor.published.commands import (
    SendContent as _SendContent,
)

__all__ = [
    "BatchCommand",
    "Command",
    "Deploy",
    "DownloadBytes",
    "DownloadFile",
    "DownloadFileFromInternet",
    "DownloadJson",
    "ProgressArgs",
    "Run",
    "SendBytes",
    "SendFile",
    "SendJson",
    "Source",
    "Start",
    "Terminate",
    "_ReceiveContent",
    "_SendContent",
]
