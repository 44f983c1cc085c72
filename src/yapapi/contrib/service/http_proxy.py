"""HTTP to services."""

from golemnet.requestor.published.http_proxy import (
    DEFAULT_MAX_REQUEST_SIZE,
    DEFAULT_TIMEOUT,
    HttpProxyService,
    LocalHttpProxy,
)

__all__ = ["DEFAULT_MAX_REQUEST_SIZE", "DEFAULT_TIMEOUT", "HttpProxyService", "LocalHttpProxy"]
