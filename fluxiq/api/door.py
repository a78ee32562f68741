"""One request from door to door: guard, contract, handler, and an answer in the envelope, always.

This is the hot path: everything happens in one function chain, without middlewares.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from functools import partial
from time import perf_counter
from typing import Final

import structlog
import trio
from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable
from msgspec.structs import replace
from quart import Request, request
from quart.asgi import ASGIHTTPConnection
from quart_trio.asgi import TrioASGIHTTPConnection
from quart_trio.wrappers import TrioRequest, TrioResponse
from quart_trio.wrappers.request import TrioBody
from structlog.contextvars import bind_contextvars
from werkzeug.exceptions import RequestEntityTooLarge, RequestTimeout

from fluxiq.api.contract import JSON, PUBLIC, Call, Endpoint, Rate, Reply
from fluxiq.api.errors import Failure, failure_of
from fluxiq.api.guard import Guard, rate_headers, refuse_above
from fluxiq.api.reader import Reader
from fluxiq.api.remote import Remote
from fluxiq.api.request_notes import is_noted, note
from fluxiq.api.security_headers import ALWAYS
from fluxiq.domain.identifiers import IdPrefix
from fluxiq.domain.ulid import is_ulid
from fluxiq.errors import Unavailable
from fluxiq.ports import Clock, Ids, RateDecision
from fluxiq.ports.operations import OperationsDesk
from fluxiq.ports.origin import Origin, comes_from
from fluxiq.services.authenticate import Caller
from fluxiq.services.messages.envelope import encode
from fluxiq.services.tenant import Tenant, Tenants
from fluxiq.telemetry.metrics import Metrics

REQUEST_ID: Final = "X-Request-Id"
OK: Final = 200
DRAIN_SECONDS: Final = 2.0  # for reading on after a refusal, so that the answer is not lost

View = Callable[..., Awaitable[TrioResponse]]

_PREFIX = f"{IdPrefix.REQUEST}_"
_log = structlog.get_logger("fluxiq.api")


class Door:
    """What every request passes. `seconds_max` bounds a request from head to answer."""

    def __init__(
        self,
        tenants: Tenants,
        guard: Guard,
        remote: Remote,
        *,
        clock: Clock,
        ids: Ids,
        metrics: Metrics,
        seconds_max: float,
        always: Mapping[str, str] = ALWAYS,
        operations: OperationsDesk | None = None,
    ) -> None:
        self._tenants = tenants
        self._guard = guard
        self._remote = remote
        self._clock = clock
        self._ids = ids
        self._metrics = metrics
        self._seconds_max = seconds_max
        self._always = dict(always)  # headers of every answer
        self._operations = operations

    def view(self, endpoint: Endpoint) -> View:
        """`endpoint` as Quart calls it."""
        reader, noted = Reader(endpoint), is_noted(endpoint)

        async def view(**path: str) -> TrioResponse:
            started = perf_counter()
            headers = self.greet(request.headers.get(REQUEST_ID))
            passage, code = _Passage(headers, self._clock.now()), None
            try:
                with trio.move_on_after(self._seconds_max) as limit:
                    reply = await self._pass(endpoint, reader, path, passage)
                if limit.cancelled_caught:
                    raise self._late()  # noqa: TRY301 - one way out for every failure
            except Exception as error:  # noqa: BLE001 - every failure is answered in the envelope
                if not isinstance(error, RequestTimeout):
                    await drain()
                failure = failure_of(error)
                code, response = failure.code, refusal(failure, headers)
            else:
                await drain()  # of a body that nobody wanted
                headers.update(reply.headers)
                if reply.body or (reply.status or endpoint.status) == OK:  # an empty export too
                    headers["Content-Type"] = reply.content_type
                response = TrioResponse(reply.body, reply.status or endpoint.status, headers)

            spent = perf_counter() - started
            status = response.status_code
            self._metrics.observe_http(
                endpoint.method, endpoint.path, status, passage.institution, spent
            )
            if noted and passage.caller is not None:
                note(
                    endpoint,
                    request,
                    passage.caller,
                    request_id=passage.request_id,
                    address=passage.address,
                    at=passage.arrived_at,
                    status=status,
                    error_code=code,
                    seconds=spent,
                )
            _log.debug(
                "request_answered",
                method=endpoint.method,
                path=endpoint.path,
                status=status,
                milliseconds=round(spent * 1000, 3),
            )
            return response

        return view

    def greet(self, said: str | None) -> dict[str, str]:
        """What every answer says, with the request's id, which is bound to the log: the caller's
        own id where it sent one.
        """
        known = said is not None and said.startswith(_PREFIX) and is_ulid(said[len(_PREFIX) :])
        request_id = said if said is not None and known else self._ids.new(IdPrefix.REQUEST)
        bind_contextvars(request_id=request_id)
        return {**self._always, REQUEST_ID: request_id}

    def _late(self) -> Exception:
        """Whose fault it is that the time is up: the body's, or ours."""
        if not _body().ended.is_set():
            return RequestTimeout()
        return Unavailable("request", f"took more than {self._seconds_max:g} s")

    async def _pass(
        self, endpoint: Endpoint, reader: Reader, path: dict[str, str], passage: "_Passage"
    ) -> Reply:
        arguments = reader.path(path)
        where = Origin(address=self._remote.of(request), request_id=passage.request_id)
        comes_from(where)
        caller = None
        if endpoint.permission != PUBLIC:
            authorization, began = request.headers.get("Authorization"), perf_counter()
            caller = await self._guard.identify(authorization, where.address)
            passage.known(caller, where.address)
            comes_from(replace(where, credential=caller.actor))
            passage.spend(await self._guard.count(caller, endpoint.rate, where.address))
            self._guard.authorize(caller, endpoint)
            credential = "key" if caller.user is None else "token"
            self._metrics.observe_guard(caller.tenant.ispb, credential, perf_counter() - began)
        elif endpoint.rate is Rate.CALLBACK:
            tenant = self._tenants.get(arguments["ispb"])
            passage.enter(tenant.ispb)
            decision = await self._guard.count_callback(
                tenant, arguments["provider"], where.address
            )
            passage.spend(decision)

        arguments |= reader.query(request.args) if endpoint.query is not None else {}
        if reader.wants_body:
            raw = await request.body
            arguments |= reader.body(request.headers.get("Content-Type", ""), raw)

        remote, query = request.remote_addr or "", request.query_string.decode("latin-1")
        call = Call(
            self._tenants,
            request.headers,
            remote,
            passage.arrived_at,
            caller,
            query,
            self._remote.of(request),
            partial(self._count_stranger, passage),
            self._operations,
        )
        if endpoint.takes_key:
            call.said_key()  # refused also where the handler has no use for it
        answer = await endpoint.handler(call, **arguments)
        return answer if isinstance(answer, Reply) else Reply(body=encode(answer))

    async def _count_stranger(self, passage: "_Passage", tenant: Tenant) -> None:
        passage.enter(tenant.ispb)
        passage.spend(await self._guard.count_stranger(tenant, self._remote.of(request)))


class _Passage:
    """What is known of a request on its way, also when it fails on the way."""

    __slots__ = ("_headers", "address", "arrived_at", "caller", "institution")

    def __init__(self, headers: dict[str, str], arrived_at: datetime) -> None:
        self.arrived_at = arrived_at
        self.institution = ""
        self.caller: Caller | None = None
        self.address = ""
        self._headers = headers

    @property
    def request_id(self) -> str:
        return self._headers[REQUEST_ID]

    def known(self, caller: Caller, address: str) -> None:
        self.caller, self.address = caller, address
        self.enter(caller.tenant.ispb)

    def enter(self, ispb: str) -> None:
        self.institution = ispb
        bind_contextvars(institution=ispb)

    def spend(self, decision: RateDecision | None) -> None:
        """Raises Refused("rate_limited"); the headers are sent either way."""
        if decision is not None:
            self._headers.update(rate_headers(decision))
            refuse_above(decision, self.arrived_at.timestamp())


def refusal(failure: Failure, headers: dict[str, str]) -> TrioResponse:
    """`failure` in the envelope; `headers` hold the request id."""
    headers = headers | failure.headers | {"Content-Type": JSON}
    return TrioResponse(failure.body(headers[REQUEST_ID]), failure.status, headers)


class DrainedBody(TrioBody):
    """A body that is read to its end even where it is too large.

    Closing a socket on unread bytes resets the connection: the client would never see the answer.
    """

    def __init__(self, expected_content_length: int | None, max_content_length: int | None) -> None:
        super().__init__(expected_content_length, max_content_length)
        self.ended = trio.Event()

    def append(self, data: bytes) -> None:
        if self._must_raise is not None:
            return  # read, and thrown away

        self._data.extend(data)
        self._has_data.set()
        if self._max_content_length is not None and len(self._data) > self._max_content_length:
            self._must_raise = RequestEntityTooLarge()
            self._data.clear()
            self._complete.set()  # the reader hears of it now, not at the end

    def set_complete(self) -> None:
        super().set_complete()
        self.ended.set()


class ApiRequest(TrioRequest):
    body_class = DrainedBody


class ApiConnection(TrioASGIHTTPConnection):
    """One request under the ASGI server. What has arrived whole is carried out, whoever leaves.

    quart-trio cancels a request when its client leaves: a payment would stop half way, and wait for
    the sweeper. A body that will never be whole is not waited for, though.

    The end of an answer looks the same: hypercorn says `http.disconnect`, and the task that is
    handing back the connection would be cancelled. The connection would then never be idle again,
    and neither time out nor close when the server stops.
    """

    _answering = False

    async def handle_messages(  # type: ignore[override]  # quart-trio's own signature
        self, nursery: trio.Nursery, request: Request, receive: ASGIReceiveCallable
    ) -> None:
        await ASGIHTTPConnection.handle_messages(self, request, receive)
        assert isinstance(request.body, DrainedBody), "the app's request class is ours"
        if not (self._answering or request.body.ended.is_set()):
            nursery.cancel_scope.cancel()

    async def handle_request(  # type: ignore[override]
        self, nursery: trio.Nursery, request: Request, send: ASGISendCallable
    ) -> None:
        response = await self.app.handle_request(request)
        self._answering = True
        with trio.move_on_after(self.app.config["RESPONSE_TIMEOUT"]):
            await self._send_response(send, response)
        nursery.cancel_scope.cancel()


async def drain() -> None:
    """Read what is still coming, for a moment: an answer before the end of its request closes the
    connection, under the hands of a client that already sends the next one.
    """
    body = _body()
    if body.ended.is_set():
        return
    with trio.move_on_after(DRAIN_SECONDS):
        await body.ended.wait()


def _body() -> DrainedBody:
    body = request.body
    assert isinstance(body, DrainedBody), "the app's request class is ours"
    return body
