"""What a worker of 0.13.1 is given: one activity at one provider."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from golemnet.requestor.published.agreements import Activity, Agreement
from golemnet.requestor.published.events import ActivityEvent
from golemnet.requestor.published.models import Com, ComLinear
from golemnet.requestor.published.script import Script
from golemnet.requestor.steps import Files
from golemnet.rest.activity import ActivityState
from golemnet.rest.activity import ActivityUsage as RawUsage

ActivityEventType = TypeVar("ActivityEventType", bound=ActivityEvent)
Emitter = Callable[..., Any]


@dataclass
class ExecOptions:
    """How a script of the first versions is executed."""

    wait_for_results: bool = True
    batch_timeout: timedelta | None = None


@dataclass
class ActivityUsage:
    """What an activity has used, by the names of the counters."""

    current_usage: dict[str, float]
    timestamp: datetime | None = None


class WorkContext:
    """A worker's, or a service instance's, hands at its provider.

    Args:
        activity: where scripts are executed.
        agreement: under which.
        storage: how files get there.
        emitter: hears what happens; called with an event's class and its fields.
    """

    def __init__(self, activity: Activity, agreement: Agreement, storage: Files, emitter: Emitter) -> None:
        self._activity = activity
        self._agreement = agreement
        self._storage = storage
        self._emitter = emitter

    @property
    def id(self) -> str:
        """The activity's id."""
        return self._activity.id

    @property
    def provider_id(self) -> str:
        """The provider's node id."""
        return self._agreement.provider_id

    @property
    def provider_name(self) -> str | None:
        """How the provider calls itself."""
        return self._agreement.details.provider_node_info.name

    def new_script(self, timeout: timedelta | None = None, wait_for_results: bool = True) -> Script:
        """A script without commands."""
        return Script(self, timeout=timeout, wait_for_results=wait_for_results)

    def emit(self, event_class: type[ActivityEventType], **kwargs: Any) -> ActivityEventType:
        """Tell an event of this activity to whoever listens."""
        return self._emitter(event_class, agreement=self._agreement, activity=self._activity, **kwargs)

    async def get_raw_usage(self) -> RawUsage:
        """The usage counters, in the order of the agreement's usage vector."""
        return await self._activity.usage()

    async def get_usage(self) -> ActivityUsage:
        """The usage counters by name."""
        usage = await self._activity.usage()
        at = datetime.fromtimestamp(usage.timestamp, UTC) if usage.timestamp else None
        return ActivityUsage(self._prices.usage_as_dict(usage.current_usage or []), at)

    async def get_raw_state(self) -> ActivityState:
        """The activity's state as the provider's node knows it."""
        return await self._activity.state()

    async def get_cost(self) -> float | None:
        """What the activity costs until now, in GLM; None if the provider does not say what it has used."""
        usage = await self._activity.usage()
        return None if usage.current_usage is None else self._prices.calculate_cost(usage.current_usage)

    @property
    def _prices(self) -> Com:
        return self._agreement.details.provider_view.extract(ComLinear)
