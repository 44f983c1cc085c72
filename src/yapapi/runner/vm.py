"""Images that run at providers: ``package = await vm.repo(image_hash=...)``."""

from golemnet.requestor.demand import Package
from golemnet.requestor.images import repo

__all__ = ["Package", "repo"]
