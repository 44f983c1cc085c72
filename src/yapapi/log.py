"""Hearing what happens: ``enable_default_logger()``, ``Golem(..., event_consumer=log_summary())``."""

from golemnet.requestor.published.logs import enable_default_logger, log_event, log_summary
from golemnet.requestor.published.summary_log import (
    REPORT_CONFIRMED_PROVIDERS_INTERVAL,
    ProviderInfo,
    SummaryLogger,
    log_event_repr,
    pluralize,
    str_capped,
)

__all__ = [
    "REPORT_CONFIRMED_PROVIDERS_INTERVAL",
    "ProviderInfo",
    "SummaryLogger",
    "enable_default_logger",
    "log_event",
    "log_event_repr",
    "log_summary",
    "pluralize",
    "str_capped",
]
