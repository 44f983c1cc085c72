"""Who hears which events: consumers of a script, each in its order, none in the way of another."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterable
from typing import Any

from golemnet.requestor.published import events
from golemnet.requestor.published.events import Event

Consumer = Callable[[Any], None]
log = logging.getLogger("yapapi.events")


class Dispatcher:
    """Hands events to those who want them."""

    def __init__(self) -> None:
        self._consumers: list[tuple[Consumer, tuple[type[Event], ...]]] = []

    def add(self, consumer: Consumer, classes_or_names: Iterable[type[Event] | str]) -> None:
        """One more consumer, of events of these classes.

        Raises:
            ValueError: there is no event of such a name.
        """
        self._consumers.append((consumer, tuple(_class(each) for each in classes_or_names)))

    def emit(self, event: Event) -> None:
        """Hand an event over; a consumer that fails is told of in the log."""
        for consumer, classes in self._consumers:
            if isinstance(event, classes):
                try:
                    consumer(event)
                except Exception:
                    log.exception("an event consumer failed on %s", type(event).__name__)


def _class(class_or_name: type[Event] | str) -> type[Event]:
    if inspect.isclass(class_or_name) and issubclass(class_or_name, Event):
        return class_or_name
    found = getattr(events, str(class_or_name), None)
    if inspect.isclass(found) and issubclass(found, Event):
        return found
    raise ValueError(f"event_classes_or_names has {class_or_name!r}, which is no event")
