"""Images."""

from golemnet.requestor.published.errors import PackageException
from golemnet.requestor.published.payloads import Package

__all__ = ["Package", "PackageException"]
