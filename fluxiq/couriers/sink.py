"""A merchant's endpoint that believes only what is signed: for demos, tests and benchmarks.

    sink: Sink = await nursery.start(serve_sink)      # in this process
    python -m fluxiq.couriers.sink whsec_…            # or in its own

Counts every event by its id. `POST /trust {"secret"}`, `POST /fail {"count", "status"}` and
`GET /statistics` serve those who hold it from another process.
"""

import signal
import sys
import time
from collections import Counter
from typing import Annotated

import msgspec
import trio
from msgspec import Meta, Struct

from fluxiq.domain import standard_webhooks
from fluxiq.errors import Refused
from fluxiq.http1 import Request, Response, bind, port_of, serve_http

EVENTS_MAX = 1_000_000
HOOK = "/hooks"

_JSON = {"content-type": "application/json"}


class _Resource(Struct):
    id: str = ""


class _Said(Struct):
    """As much of an event's body as the sink understands."""

    type: str
    data: _Resource


class Told(Struct, kw_only=True):
    """An event as the sink knows it. `first_at` is `time.time()`; `count` the valid deliveries."""

    type: str
    resource_id: str
    first_at: float
    count: int = 0


class SinkStatistics(Struct, frozen=True, kw_only=True):
    verified: int
    refused: int
    failed: int
    events: int
    repeated: int
    types: dict[str, int]


class Failing(Struct, frozen=True, forbid_unknown_fields=True):
    """The next `count` deliveries get `status`."""

    count: Annotated[int, Meta(ge=0)]
    status: Annotated[int, Meta(ge=300, le=599)] = 500
    retry_after: Annotated[int, Meta(ge=0)] | None = None


class Trusting(Struct, frozen=True, forbid_unknown_fields=True):
    secret: Annotated[str, Meta(pattern=r"^whsec_")]


class Sink:
    """What was received. `told` is by event id, the oldest forgotten after a million."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.url = base_url + HOOK
        self.told: dict[str, Told] = {}
        self.verified = 0
        self.refused = 0
        self.failed = 0
        self.slow_seconds = 0.0  # a delivery waits for its answer so long
        self._secrets: set[str] = set()
        self._failing = Failing(0)
        self._news = trio.Event()

    def trust(self, secret: str) -> None:
        """Believe what is signed with this secret (`whsec_…`) from now on, too."""
        self._secrets.add(secret)

    def fail(self, count: int, status: int = 500, retry_after: int | None = None) -> None:
        """Answer the next `count` deliveries with `status`, whatever they say."""
        self._failing = Failing(count, status, retry_after)

    def statistics(self) -> SinkStatistics:
        return SinkStatistics(
            verified=self.verified,
            refused=self.refused,
            failed=self.failed,
            events=len(self.told),
            repeated=sum(one.count > 1 for one in self.told.values()),
            types=dict(Counter(one.type for one in self.told.values())),
        )

    async def wait_for_events(self, count: int) -> None:
        """Until `count` different events were told. The caller sets the deadline."""
        while len(self.told) < count:
            await self._news.wait()

    async def answer(self, request: Request) -> Response:
        match request.method, request.path:
            case "POST", path if path == HOOK or path.startswith(HOOK + "/"):
                await trio.sleep(self.slow_seconds)
                return self._receive(request)
            case "POST", "/trust":
                return self._told_to(request, Trusting)
            case "POST", "/fail":
                return self._told_to(request, Failing)
            case "GET", "/statistics":
                body = msgspec.json.encode(self.statistics())
                return Response(status=200, body=body, headers=_JSON)
        return Response(status=404)

    def _receive(self, request: Request) -> Response:
        if (failing := self._failing).count > 0:
            self.failed += 1
            self._failing = msgspec.structs.replace(failing, count=failing.count - 1)
            after = failing.retry_after
            headers = {} if after is None else {"retry-after": str(after)}
            return Response(status=failing.status, headers=headers)

        event_id = request.headers.get(standard_webhooks.HEADER_ID, "")
        try:
            standard_webhooks.verify(
                self._secrets,
                message_id=event_id,
                timestamp=request.headers.get(standard_webhooks.HEADER_TIMESTAMP, ""),
                signature=request.headers.get(standard_webhooks.HEADER_SIGNATURE, ""),
                body=request.body,
                now=int(time.time()),
            )
            said = _SAID.decode(request.body)
        except (Refused, msgspec.DecodeError):
            self.refused += 1
            return Response(status=401)

        self._write_down(event_id, said)
        return Response(status=204)

    def _write_down(self, event_id: str, said: _Said) -> None:
        self.verified += 1
        told = self.told.get(event_id)
        if told is None:
            if len(self.told) >= EVENTS_MAX:
                del self.told[next(iter(self.told))]
            told = Told(type=said.type, resource_id=said.data.id, first_at=time.time())
            self.told[event_id] = told
        told.count += 1
        self._news.set()
        self._news = trio.Event()

    def _told_to(self, request: Request, kind: type[Trusting | Failing]) -> Response:
        try:
            wanted = msgspec.json.decode(request.body, type=kind)
        except msgspec.DecodeError:
            return Response(status=422)

        if isinstance(wanted, Trusting):
            self.trust(wanted.secret)
        else:
            self._failing = wanted
        return Response(status=204)


async def serve_sink(
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    task_status: trio.TaskStatus[Sink] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Be a merchant until cancelled; reports the Sink. Raises StartRefused for the port."""
    listeners = await bind(host, port, name="the demo merchant")
    sink = Sink(f"http://{host}:{port_of(listeners)}")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_http, sink.answer, listeners)
        task_status.started(sink)


_SAID = msgspec.json.Decoder(_Said)


async def _main(secrets: list[str]) -> None:
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with trio.open_nursery() as nursery:
            sink: Sink = await nursery.start(serve_sink)
            for secret in secrets:
                sink.trust(secret)
            sys.stdout.write(msgspec.json.encode({"url": sink.url}).decode() + "\n")
            sys.stdout.flush()
            await anext(aiter(signals))
            nursery.cancel_scope.cancel()


if __name__ == "__main__":
    trio.run(_main, sys.argv[1:])
