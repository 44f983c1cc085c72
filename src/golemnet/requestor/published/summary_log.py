"""What happens, as lines of the log that people and programs know from 0.13.1."""

from __future__ import annotations

import logging
import time
from asyncio import CancelledError
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from golemnet.requestor.published import events
from golemnet.requestor.published.errors import CommandExecutionError
from golemnet.requestor.published.events import AgreementEvent, Event

REPORT_CONFIRMED_PROVIDERS_INTERVAL = 3.0
MAX_SHOWN = 200
EventConsumer = Callable[[Any], None]

event_log = logging.getLogger("yapapi.events")


@dataclass(frozen=True)
class ProviderInfo:
    """Who a provider is."""

    id: str
    name: str
    subnet_tag: str | None


class SummaryLogger:
    """Sums up what happens; ``log`` is an event consumer.

    Args:
        wrapped_emitter: hears every event before it is counted.
    """

    GOLEM_SHUTDOWN_SUCCESSFUL_MESSAGE = "Golem engine has shut down"
    logger = logging.getLogger("yapapi.summary")
    shutdown_complete = False

    def __init__(self, wrapped_emitter: EventConsumer | None = None) -> None:
        self._wrapped_emitter = wrapped_emitter
        self._began: dict[str, float] = {}
        self._confirmed: set[str] = set()
        self._reported = (0, 0.0)
        self._waited = timedelta(0)
        self._agreements: dict[str, set[str]] = defaultdict(set)
        self._providers: dict[str, ProviderInfo] = {}
        self._tasks: dict[str, Counter[ProviderInfo]] = defaultdict(Counter)
        self._failures: dict[str, Counter[ProviderInfo]] = defaultdict(Counter)
        self._serving: set[tuple[str, ProviderInfo]] = set()
        self._costs: dict[ProviderInfo, Decimal] = defaultdict(Decimal)
        self._is_cancelled = False

    def log(self, event: Event) -> None:
        """Count an event, and say what is worth it."""
        if self._wrapped_emitter is not None:
            self._wrapped_emitter(event)
        handler = getattr(self, f"_on_{type(event).__name__}", None)
        if handler is not None:
            handler(event)

    def _say(self, level: int, job_id: str, text: str, *args: object) -> None:
        self.logger.log(level, f"[Job {job_id}] {text}", *args)

    def _info(self, event: events.JobEvent, text: str, *args: object) -> None:
        self._say(logging.INFO, event.job_id, text, *args)

    def _who(self, event: AgreementEvent) -> ProviderInfo:
        """Who it is about; agreements of another life of the script are met here for the first time."""
        if event.agr_id not in self._providers:
            node, provider_id = event.provider_info, event.provider_id
            self._providers[event.agr_id] = ProviderInfo(
                provider_id, node.name or provider_id, node.subnet_tag
            )
        return self._providers[event.agr_id]

    # -- jobs ----------------------------------------------------------------------------------------------

    def _on_JobStarted(self, event: events.JobStarted) -> None:
        self._began[event.job_id] = time.monotonic()

    def _on_JobFinished(self, event: events.JobFinished) -> None:
        error, job_id = event.exception, event.job_id
        if error is None:
            seconds = time.monotonic() - self._began.get(job_id, time.monotonic())
            self._info(event, "Job finished in %.1fs", seconds)
        elif isinstance(error, CancelledError):
            self._is_cancelled = True
            self._say(logging.WARNING, job_id, "Job cancelled")
        else:
            self._say(logging.ERROR, job_id, "Job failed, reason: %s", _reason(error))
        self._sum_up(event)

    def _sum_up(self, event: events.JobFinished) -> None:
        job_id = event.job_id
        agreements = self._agreements[job_id]
        providers = {self._providers[each] for each in agreements}
        self._info(
            event, "Negotiated %d agreements with %s", len(agreements), pluralize(len(providers), "provider")
        )
        for provider, count in self._tasks[job_id].items():
            self._info(event, "Provider '%s' computed %s", provider.name, pluralize(count, "task"))
        for provider in providers:
            if provider not in self._tasks[job_id] and (job_id, provider) not in self._serving:
                self._info(event, "Provider '%s' did not compute any tasks", provider.name)
        for provider, count in self._failures[job_id].items():
            times = pluralize(count, "time")
            self._info(event, "Activity failed %s on provider '%s'", times, provider.name)

    def _on_ShutdownFinished(self, event: events.ShutdownFinished) -> None:
        self.logger.info("Total cost: %s", _amount(sum(self._costs.values(), Decimal(0))))
        if event.exception is None:
            self.logger.info(self.GOLEM_SHUTDOWN_SUCCESSFUL_MESSAGE)
        else:
            self.logger.error("Error when shutting down Golem engine: %s", _reason(event.exception))
        self.shutdown_complete = True

    def _on_ExecutionInterrupted(self, event: events.ExecutionInterrupted) -> None:
        self.logger.warning("Execution interrupted by %s", type(event.exception).__name__)

    # -- the market ----------------------------------------------------------------------------------------

    def _on_ProposalConfirmed(self, event: events.ProposalConfirmed) -> None:
        self._confirmed.add(event.provider_id)
        count, at = self._reported
        is_due = count == 0 or time.monotonic() - at >= REPORT_CONFIRMED_PROVIDERS_INTERVAL
        if len(self._confirmed) > count and is_due:
            self._reported = (len(self._confirmed), time.monotonic())
            providers = pluralize(len(self._confirmed), "provider")
            self.logger.info("Received proposals from %s so far", providers)

    def _on_NoProposalsConfirmed(self, event: events.NoProposalsConfirmed) -> None:
        self._waited += event.timeout
        count, seconds = event.job.offers_collected, self._waited.total_seconds()
        if count == 0:
            what = f"No offers have been collected from the market for {seconds:.0f}s."
        else:
            offers = "1 offer has" if count == 1 else f"{count} offers have"
            what = (
                f"{offers} been collected from the market, but no provider has responded for {seconds:.0f}s."
            )
        self._say(logging.WARNING, event.job_id, "%s Make sure that the subnet is right.", what)

    def _on_AgreementCreated(self, event: events.AgreementCreated) -> None:
        provider = self._who(event)
        self._info(event, "Agreement proposed to provider '%s' (%s)", provider.name, provider.id)

    def _on_AgreementConfirmed(self, event: events.AgreementConfirmed) -> None:
        self._info(event, "Agreement confirmed by provider '%s'", self._who(event).name)
        self._agreements[event.job_id].add(event.agr_id)

    def _on_AgreementTerminated(self, event: events.AgreementTerminated) -> None:
        if event.reason.get("golem.requestor.code") != "Success":
            self._info(event, "Terminated agreement with %s", self._who(event).name)

    # -- work ----------------------------------------------------------------------------------------------

    def _on_TaskStarted(self, event: events.TaskStarted) -> None:
        name, data = self._who(event).name, str_capped(event.task_data, MAX_SHOWN)
        self._info(event, "Task started on provider '%s', task data: %s", name, data)

    def _on_TaskFinished(self, event: events.TaskFinished) -> None:
        provider, data = self._who(event), str_capped(event.task_data, MAX_SHOWN)
        self._info(event, "Task finished by provider '%s', task data: %s", provider.name, data)
        self._tasks[event.job_id][provider] += 1

    def _on_ServiceFinished(self, event: events.ServiceFinished) -> None:
        self._serving.add((event.job_id, self._who(event)))

    def _on_ScriptSent(self, event: events.ScriptSent) -> None:
        commands = str_capped(", ".join(", ".join(each) for each in event.cmds), MAX_SHOWN)
        name = self._who(event).name
        text = "Script '%s' sent to provider '%s', cmds: %s"
        self._say(logging.DEBUG, event.job_id, text, event.script_id, name, commands)

    def _on_WorkerFinished(self, event: events.WorkerFinished) -> None:
        error, provider = event.exception, self._who(event)
        if error is None or self._is_cancelled or isinstance(error, CancelledError):
            self._say(logging.DEBUG, event.job_id, "Worker finished for provider '%s'", provider.name)
            return
        self._failures[event.job_id][provider] += 1
        is_command = isinstance(error, CommandExecutionError)
        text = (
            "Activity failed on provider '%s'; reason: %s"
            if is_command
            else "Worker for provider '%s' failed; reason: %s"
        )
        self._say(logging.WARNING, event.job_id, text, provider.name, _reason(error))

    # -- money ---------------------------------------------------------------------------------------------

    def _on_InvoiceAccepted(self, event: events.InvoiceAccepted) -> None:
        provider = self._who(event)
        self._costs[provider] += event.amount
        self._info(event, "Accepted invoice from '%s', amount: %s", provider.name, _amount(event.amount))

    def _on_PaymentFailed(self, event: events.PaymentFailed) -> None:
        text = "Failed to accept an invoice or a debit note from '%s', reason: %s"
        assert event.exception is not None
        self._say(logging.ERROR, event.job_id, text, self._who(event).name, _reason(event.exception))


def log_summary(wrapped_emitter: EventConsumer | None = None) -> EventConsumer:
    """An event consumer that sums up; ``wrapped_emitter`` hears every event as well."""
    return SummaryLogger(wrapped_emitter).log


def log_event(event: Event) -> None:
    """Log an event in words."""
    fields = "; ".join(f"{name} = {value}" for name, value in vars(event).items())
    event_log.debug("%s; %s", _words(type(event).__name__), fields, exc_info=_exc_info(event))


def log_event_repr(event: Event) -> None:
    """Log an event as it is."""
    event_log.debug("%r", event, exc_info=_exc_info(event))


def pluralize(num: int, thing: str) -> str:
    """``1 thing``, or ``2 things``."""
    return f"1 {thing}" if num == 1 else f"{num} {thing}s"


def str_capped(object: Any, max_len: int) -> str:
    """As text of at most so many characters."""
    text = str(object)
    return text if len(text) <= max_len else text[: max(max_len - 3, 0)] + "..."


def _words(name: str) -> str:
    spaced = "".join(f" {each.lower()}" if each.isupper() else each for each in name)
    return spaced.strip().capitalize()


def _exc_info(event: Event) -> Any:
    return event.exc_info if event.exception is not None else None


def _reason(error: BaseException) -> str:
    return str(error) or repr(error) or "unexpected error"


def _amount(amount: Decimal) -> str:
    return format(amount.normalize(), "f")
