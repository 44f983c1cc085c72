"""``/activity-api/v1``; handlers are named by the operations of its OpenAPI file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec
import structlog
from aiohttp import WSMsgType, web

from golemnet.daemon.activity.messages import StreamedEvent
from golemnet.daemon.activity.service import Activities
from golemnet.daemon.activity.units import UnitLink
from golemnet.daemon.routes.codec import (
    after_of,
    answer,
    body_of,
    identity_of,
    integer_of,
    limit_of,
    timeout_of,
)
from golemnet.errors import GolemError
from golemnet.rest.activity import (
    PREFIX,
    ActivityState,
    ActivityUsage,
    CreateActivityRequest,
    CreateActivityResult,
    ExeScriptCommandState,
    ExeScriptRequest,
    ProviderEvent,
)
from golemnet.rest.errors import BadRequest
from golemnet.rest.exeunit import MAX_FRAME_BYTES, ToUnit, decode_from_unit, encode_frame
from golemnet.rest.wire import encode

CREATE_S = 30.0
PATIENT_POLL_S = 30.0
PING_S = 15.0
UNIT_HEARTBEAT_S = 20.0
EVENT_STREAM = "text/event-stream"

NewActivity: Any = str | CreateActivityRequest

log = structlog.get_logger(__name__)


def routes(activities: Activities) -> list[web.RouteDef]:
    """The routes of this resource."""
    handlers = _Handlers(activities)
    return [
        web.post(f"{PREFIX}/activity", handlers.create_activity),
        web.get(f"{PREFIX}/activity", handlers.list_activities),
        web.post(f"{PREFIX}/activity/{{id}}/exec", handlers.exec),
        web.post(f"{PREFIX}/activity/{{id}}/encrypted", handlers.call_encrypted),
        web.get(f"{PREFIX}/activity/{{id}}/exec/{{batch_id}}", handlers.get_exec_batch_results),
        web.delete(f"{PREFIX}/activity/{{id}}", handlers.destroy_activity),
        web.get(f"{PREFIX}/activity/{{id}}/state", handlers.get_activity_state),
        web.put(f"{PREFIX}/activity/{{id}}/state", handlers.set_activity_state),
        web.put(f"{PREFIX}/activity/{{id}}/suspended", handlers.suspend_activity),
        web.get(f"{PREFIX}/activity/{{id}}/usage", handlers.get_activity_usage),
        web.get(f"{PREFIX}/activity/{{id}}/command", handlers.get_running_command),
        web.get(f"{PREFIX}/activity/{{id}}/agreement", handlers.get_activity_agreement),
        web.get(f"{PREFIX}/activity/{{id}}/exeunit", handlers.exeunit),
        web.get(f"{PREFIX}/events", handlers.collect_activity_events),
    ]


class _Handlers:
    """One method an operation."""

    def __init__(self, activities: Activities) -> None:
        self._activities = activities

    async def create_activity(self, request: web.Request) -> web.Response:
        wanted: str | CreateActivityRequest = await body_of(request, NewActivity)
        agreement_id = wanted if isinstance(wanted, str) else wanted.agreement_id
        timeout_s = timeout_of(request, CREATE_S)
        activity_id = await self._activities.create(identity_of(request), agreement_id, timeout_s)
        # Clients of 2020 send the bare id and read a bare id; others get an object for an object.
        shown = activity_id if isinstance(wanted, str) else CreateActivityResult(activity_id=activity_id)
        return answer(shown, status=201)

    async def list_activities(self, request: web.Request) -> web.Response:
        return answer(await self._activities.ids(request.query.get("agreementId")))

    async def exec(self, request: web.Request) -> web.Response:
        script = await body_of(request, ExeScriptRequest)
        return answer(await self._activities.exec(_id(request), script.text))

    async def call_encrypted(self, request: web.Request) -> web.Response:
        await self._activities.agreement_of(_id(request))
        raise BadRequest("The activity runs outside an enclave.", next_step="Send its commands to exec.")

    async def get_exec_batch_results(self, request: web.Request) -> web.StreamResponse:
        batch_id = request.match_info["batch_id"]
        if EVENT_STREAM in request.headers.get("Accept", ""):
            return await _stream(request, batch_id, self._activities.events(_id(request), batch_id))
        # Clients that give no timeout sleep ten seconds after an answer that is not complete.
        timeout_s = timeout_of(request, PATIENT_POLL_S)
        wanted = integer_of(request, "commandIndex")
        return answer(await self._activities.results(_id(request), batch_id, wanted, timeout_s))

    async def destroy_activity(self, request: web.Request) -> web.Response:
        await self._activities.destroy(_id(request), timeout_of(request))
        return answer()

    async def suspend_activity(self, request: web.Request) -> web.Response:
        """Ours: other daemons do not have it."""
        await self._activities.suspend(_id(request), await body_of(request, bool))
        return answer()

    async def get_activity_state(self, request: web.Request) -> web.Response:
        view = await self._activities.state(_id(request), timeout_of(request))
        shown = ActivityState(state=(view.state, None), reason=view.reason, error_message=view.error_message)
        return answer(shown)

    async def set_activity_state(self, request: web.Request) -> web.Response:
        told = await body_of(request, ActivityState)
        await self._activities.provider.report(_id(request), told.current, told.reason, told.error_message)
        return answer()

    async def get_activity_usage(self, request: web.Request) -> web.Response:
        usage = await self._activities.usage(_id(request), timeout_of(request))
        seconds = int(usage.at.timestamp()) if usage.at else 0
        return answer(ActivityUsage(current_usage=usage.counters, timestamp=seconds))

    async def get_running_command(self, request: web.Request) -> web.Response:
        running = await self._activities.commands(_id(request))
        states = [ExeScriptCommandState(batch_id=each.batch_id, command=each.command) for each in running]
        return answer(states)

    async def get_activity_agreement(self, request: web.Request) -> web.Response:
        return answer(await self._activities.agreement_of(_id(request)))

    async def collect_activity_events(self, request: web.Request) -> web.Response:
        events = await self._activities.provider_events(
            after_of(request), timeout_of(request), limit_of(request), request.query.get("appSessionId")
        )
        shown = [
            ProviderEvent(
                activity_id=event.activity_id,
                agreement_id=event.agreement_id,
                event_type={event.kind: {}},
                event_date=event.at,
            )
            for event in events
        ]
        return answer(shown)

    async def exeunit(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(max_msg_size=MAX_FRAME_BYTES, heartbeat=UNIT_HEARTBEAT_S)
        activity_id = _id(request)
        link = UnitLink(_sender(socket), _closer(socket))
        # Refusals are HTTP answers: they come before the upgrade.
        await self._activities.attach(activity_id, link)
        try:
            await socket.prepare(request)
            await _listen(self._activities, activity_id, link, socket)
        finally:
            await asyncio.shield(self._activities.detach(activity_id, link))
        return socket


def _id(request: web.Request) -> str:
    return request.match_info["id"]


def _sender(socket: web.WebSocketResponse) -> Callable[[ToUnit], Awaitable[None]]:
    async def send(frame: ToUnit) -> None:
        await socket.send_bytes(encode_frame(frame))

    return send


def _closer(socket: web.WebSocketResponse) -> Callable[[], Awaitable[None]]:
    async def close() -> None:
        if socket.prepared:
            await socket.close(message=b"replaced by a newer connection")

    return close


async def _listen(
    activities: Activities, activity_id: str, link: UnitLink, socket: web.WebSocketResponse
) -> None:
    async for message in socket:
        if message.type is not WSMsgType.BINARY:
            await socket.close(message=b"binary frames only")
            return
        try:
            frame = decode_from_unit(message.data)
            await activities.on_frame(activity_id, link, frame)
        except msgspec.DecodeError:
            await socket.close(message=b"not a frame")
            return
        except GolemError as error:
            # The answer is a WebSocket by now: an error cannot become a status any more.
            log.warning("a report was refused", activity_id=activity_id, why=str(error))


async def _stream(
    request: web.Request, batch_id: str, events: AsyncIterator[StreamedEvent]
) -> web.StreamResponse:
    """The events as server-sent events, with a comment now and then that keeps the connection."""
    # The first event (or refusal) comes before the headers, so that a refusal has its status.
    upcoming = asyncio.ensure_future(anext(events, None))
    response = web.StreamResponse(headers={"Content-Type": EVENT_STREAM, "Cache-Control": "no-cache"})
    number = 0
    try:
        await asyncio.wait({upcoming}, timeout=1.0)
        if upcoming.done():
            upcoming.result()
        await response.prepare(request)
        while (event := await _next(response, upcoming)) is not None:
            number += 1
            await response.write(_sent_event(batch_id, event, number))
            upcoming = asyncio.ensure_future(anext(events, None))
    finally:
        upcoming.cancel()
    return response


async def _next(
    response: web.StreamResponse, upcoming: asyncio.Future[StreamedEvent | None]
) -> StreamedEvent | None:
    while not (await asyncio.wait({upcoming}, timeout=PING_S))[0]:
        await response.write(b":ping\n\n")
    return upcoming.result()


def _sent_event(batch_id: str, event: StreamedEvent, number: int) -> bytes:
    # Published clients parse this time without a zone.
    at = event.at.replace(tzinfo=None).isoformat()
    body = {"batch_id": batch_id, "index": event.index, "timestamp": at, "kind": event.kind}
    return b"event: runtime\ndata: " + encode(body) + f"\nid: {number}\n\n".encode()
