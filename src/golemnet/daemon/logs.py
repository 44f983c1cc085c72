"""How a process of ours writes its log: one line an event on stderr, for a person or as JSON."""

from __future__ import annotations

import logging
import sys

import structlog

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def configure_logs(level: str = "info", *, as_json: bool = False) -> None:
    """Set up structlog, and the standard library's logging for the libraries below us, once a process."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            *_renderers(as_json),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(
        level=max(_LEVELS[level], logging.WARNING), format="%(asctime)s [%(levelname)s] %(name)s %(message)s"
    )


def _renderers(as_json: bool) -> list[structlog.typing.Processor]:
    if as_json:
        return [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer()]
    # Plain tracebacks: rich ones cost memory in the daemon and print the values of local variables.
    console = structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
    )
    return [console]
