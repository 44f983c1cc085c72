"""Hearing what happens in a run: ``Engine(..., event_consumer=log_summary())``."""

import logging
from collections.abc import Callable

from golemnet.requestor.events import Consumer, Event
from golemnet.requestor.summary import printer

_log = logging.getLogger("golemnet.requestor")


def enable_default_logger(
    format_: str = "[%(asctime)s %(levelname)s %(name)s] %(message)s", log_file: str | None = None
) -> None:
    """Write the SDK's log to stderr, and all of it to ``log_file``."""
    screen = logging.StreamHandler()
    screen.setLevel(logging.INFO)
    handlers: list[logging.Handler] = [screen]
    if log_file is not None:
        handlers.append(logging.FileHandler(log_file, encoding="utf-8"))
    for handler in handlers:
        handler.setFormatter(logging.Formatter(format_))
        _log.addHandler(handler)
    _log.setLevel(logging.DEBUG)


def log_event(event: Event) -> None:
    """Log an event as it is."""
    _log.debug("%r", event)


def log_summary(wrapped: Consumer | None = None) -> Callable[[Event], None]:
    """A consumer that logs each event for people; ``wrapped`` hears it as well."""
    say = printer(_log.info, colour=False)

    def consume(event: Event) -> None:
        say(event)
        if wrapped is not None:
            wrapped(event)

    return consume
