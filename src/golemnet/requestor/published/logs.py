"""Setting up the log, and consumers for the events of both APIs: that of 0.13.1 and that of 2020."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any

from golemnet.requestor import events as engine
from golemnet.requestor import summary
from golemnet.requestor.published import summary_log

FORMAT = "[%(asctime)s %(levelname)s %(name)s] %(message)s"
LOGGERS = ("yapapi", "golemnet.requestor")
EventConsumer = Callable[[Any], None]

log = logging.getLogger("yapapi.summary")


class _Formatter(logging.Formatter):
    """With the time as the daemon writes it: ``2021-06-11T14:55:43.156+0200``."""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        at = datetime.fromtimestamp(record.created).astimezone()
        return at.strftime(f"%Y-%m-%dT%H:%M:%S.{at.microsecond // 1000:03d}%z")


def enable_default_logger(
    format_: str = FORMAT,
    log_file: str | None = None,
    debug_activity_api: bool = False,
    debug_market_api: bool = False,
    debug_payment_api: bool = False,
    debug_net_api: bool = False,
) -> None:
    """Write the log to stderr, and all of it to ``log_file``.

    The four ``debug_`` are taken for the sake of old scripts: calls of the daemon are not logged.
    """
    screen = logging.StreamHandler()
    screen.setLevel(logging.INFO)
    handlers: list[logging.Handler] = [screen]
    if log_file is not None:
        handlers.append(logging.FileHandler(log_file, mode="w", encoding="utf-8"))
    for handler in handlers:
        handler.setFormatter(_Formatter(format_))
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.setLevel(logging.DEBUG)
        logger.disabled = False
        for handler in handlers:
            logger.addHandler(handler)
    if log_file is not None:
        _begin(log_file)


def _begin(log_file: str) -> None:
    log.debug("script: %s, working directory: %s", sys.argv[0], os.getcwd())
    log.info("Using log file `%s`; in case of errors look for additional information there", log_file)


def log_summary(wrapped_emitter: EventConsumer | None = None) -> EventConsumer:
    """An event consumer that sums up; ``wrapped_emitter`` hears every event as well."""
    sum_up = summary_log.SummaryLogger(wrapped_emitter).log
    say = summary.printer(log.info, colour=False)

    def consume(event: Any) -> None:
        if not isinstance(event, engine.Event):
            sum_up(event)
            return
        say(event)
        if wrapped_emitter is not None:
            wrapped_emitter(event)

    return consume


def log_event(event: Any) -> None:
    """Log an event in words."""
    if isinstance(event, engine.Event):
        log.debug("%r", event)
    else:
        summary_log.log_event(event)
