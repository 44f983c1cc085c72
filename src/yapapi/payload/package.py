"""Images."""

from golemnet.requestor.published.errors import PackageException
from golemnet.requestor.published.payloads import Package, Payload

__all__ = ["Package", "PackageException", "Payload"]
