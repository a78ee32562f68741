"""`/api/v1/ws`: the Window. What happens, pushed as it happens (docs/live.md): to a merchant, and
for the institution's own people to live data and to the tree.

The key or access token comes in the `Authorization` header, or, from browsers, in the first
message: `{"type":"authenticate","token":"sk_live_…"}`. Then the server says `{"type":"ready"}`. It
says `{"type":"ping"}` now and then; whoever says nothing for SILENT_SECONDS, not even `pong`, is
gone. So is, within RECHECK_SECONDS, whose session has ended or whose token is over: a person stays
by saying `authenticate` with the next token before that. Whose key was revoked is gone within a
second (`api.key_watch`).
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final

import msgspec
import structlog
import trio
from msgspec import UNSET, Meta, Struct, UnsetType
from quart import websocket
from quart_trio import QuartTrio
from quart_trio.wrappers import TrioResponse
from structlog.contextvars import bind_contextvars

from fluxiq.api.contract import Rate, operator_of
from fluxiq.api.door import REQUEST_ID, Door, refusal
from fluxiq.api.errors import Failure, failure_of
from fluxiq.api.guard import Guard, require
from fluxiq.api.hub import OF_A_MERCHANT, Hub, Topic
from fluxiq.api.live_client import (
    SUSPENDED,
    UNAUTHORIZED_CODE,
    Ending,
    LiveClient,
    Refetch,
    event_frame,
    frame,
)
from fluxiq.api.remote import Remote
from fluxiq.api.tree_told import TreeTeller
from fluxiq.errors import Refused, Unavailable
from fluxiq.ports.event_log import EventLog
from fluxiq.ports.operations import OperationsDesk
from fluxiq.services.authenticate import Caller, not_a_merchant

PATH: Final = "/api/v1/ws"
PERMISSION_OF: Final = {
    Topic.PAYMENTS: "pix:read",
    Topic.BALANCES: "accounts:read",
    Topic.DELIVERIES: "webhooks:read",
    Topic.LIVE_DATA: "live_data:read",
    Topic.TREE: "operations:read",
}
AUTHENTICATE_SECONDS: Final = 10.0
HEARTBEAT_SECONDS: Final = 30.0
HEARTBEAT_SPREAD: Final = 0.2  # after a pause of ours all would be due at once, and again each time
SILENT_SECONDS: Final = 60.0  # of a client that does not answer pings
RECHECK_SECONDS: Final = 5.0  # until a key or token is looked at again

REPLAY_MAX: Final = 1000  # missed events that are read again; beyond that the client refetches
REPLAY_PAGE: Final = 100
RETRY_SECONDS: Final = 1.0  # until a log that is away is asked again

# RFC 6455 7.4.2: 4000-4999 are ours to define.
SILENT_CODE: Final = 4408
TRY_AGAIN_CODE: Final = 1013

_PING = '{"type":"ping"}'
_PONG = '{"type":"pong"}'
_AUTHENTICATED = '{"type":"authenticated"}'
_log = structlog.get_logger("fluxiq.api")


class Said(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a client may say: authenticate, subscribe, ping or pong."""

    type: str
    token: str = ""
    topics: tuple[Topic, ...] = (Topic.PAYMENTS,)
    since: Annotated[int, Meta(ge=0)] | None = None


class Subscribed(Struct, frozen=True, kw_only=True):
    """What the server says to a `subscribe`, and first of all as `ready`. Events up to `sequence`
    are on paper; they come if the client asked for what was since an earlier one.
    """

    type: str
    topics: tuple[Topic, ...]
    sequence: int | UnsetType = UNSET


class Sockets:
    """Serves websocket clients from the hub."""

    def __init__(
        self,
        hub: Hub,
        guard: Guard,
        door: Door,
        remote: Remote,
        operations: OperationsDesk | None = None,
    ) -> None:
        self._hub = hub
        self._guard = guard
        self._door = door
        self._remote = remote
        self._operations = operations

    def register(self, app: QuartTrio) -> None:
        app.add_websocket(PATH, "events_socket", self._serve)

    async def _serve(self) -> TrioResponse | None:
        headers = self._door.greet(websocket.headers.get(REQUEST_ID))
        authorization = websocket.headers.get("Authorization")
        admitted = None
        try:
            asked = _asked()
            if authorization is not None:
                admitted = await self._admit(authorization, asked)
        except Exception as error:  # noqa: BLE001 - refused in the envelope, as over HTTP
            return refusal(failure_of(error), headers)

        await websocket.accept(headers=headers)
        try:
            admitted = admitted or await self._admit_by_message(asked)
            caller = admitted.caller
            client = self._hub.subscribe(
                caller.tenant.ispb, caller.belongs_to or "", asked.topics, caller.actor
            )
        except Exception as error:  # noqa: BLE001 - told to the client, then closed
            await _close(failure_of(error), headers[REQUEST_ID])
            return None

        with client:
            window = _Window(
                self._hub,
                self._guard,
                client,
                admitted,
                operations=self._operations,
                request_id=headers[REQUEST_ID],
            )
            try:
                await window.subscribe(asked, "ready")
            except Unavailable as error:
                await _close(failure_of(error), headers[REQUEST_ID])
                return None
            await window.carry()
        return None

    async def _admit(self, authorization: str, asked: Said) -> "_Admitted":
        """Raises Refused, exactly as the doors of HTTP do."""
        address = self._remote.of(websocket)
        caller = await self._guard.identify(authorization, address)
        bind_contextvars(institution=caller.tenant.ispb)
        await self._guard.check_rate(caller, Rate.READ, address)
        _require(caller, asked)
        return _Admitted(caller, authorization, address)

    async def _admit_by_message(self, asked: Said) -> "_Admitted":
        with trio.move_on_after(AUTHENTICATE_SECONDS):
            said = _read(await websocket.receive())
            if said.type != "authenticate":
                raise Refused("unauthorized", "authenticate first")
            return await self._admit(f"Bearer {said.token}", asked)
        raise Refused("unauthorized", f"not authenticated within {AUTHENTICATE_SECONDS:g} s")


@dataclass(frozen=True, slots=True)
class _Admitted:
    """Who came in, with what and from where: it is looked at again."""

    caller: Caller
    authorization: str
    address: str


class _Window:
    """One client, from `ready` to its end."""

    def __init__(
        self,
        hub: Hub,
        guard: Guard,
        client: LiveClient,
        admitted: _Admitted,
        *,
        operations: OperationsDesk | None,
        request_id: str,
    ) -> None:
        self._hub = hub
        self._guard = guard
        self._client = client
        self._teller = TreeTeller(client, operations)
        self._admitted = admitted
        self._request_id = request_id
        self._heard_at = trio.current_time()

    async def subscribe(self, said: Said, word: str) -> None:
        """Hear of these topics. Raises Refused, and Unavailable while events cannot be read."""
        client, topics = self._client, tuple(dict.fromkeys(said.topics))
        _require(self._admitted.caller, said)
        self._hub.want(client, topics)
        if Topic.PAYMENTS not in topics:
            client.stop()
            client.offer(frame(Subscribed(type=word, topics=topics)))
            self._tell_the_tree(topics)
            return

        # Heard of before it is asked how far they are: between the two nothing is missed.
        merchant_id = self._admitted.caller.merchant_id
        last = (await self._log.last([merchant_id]))[merchant_id]
        client.offer(frame(Subscribed(type=word, topics=topics, sequence=last)))
        since = said.since
        if since is not None and since > last:  # told by a database that was lost
            client.offer(frame(Refetch(topics=[Topic.PAYMENTS], since=since, sequence=last)))
            since = None
        self._tell_the_tree(topics)
        if not client.begin(last, since):
            raise Refused("validation_failed", "still on the way back", field="since")

    def _tell_the_tree(self, topics: Sequence[Topic]) -> None:
        if Topic.TREE in topics:
            caller, address = self._admitted.caller, self._admitted.address
            self._teller.begin(operator_of(caller, address))
        else:
            self._teller.stop()

    async def carry(self) -> None:
        """Push until the client leaves (Quart then cancels us), falls silent, or the hub closes."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._listen)
            nursery.start_soon(self._look_again)
            nursery.start_soon(self._teller.run)
            code, why = await self._push()
            nursery.cancel_scope.cancel()
        await websocket.close(code, why)

    async def _push(self) -> tuple[int, str]:
        """Returns why there is no more to push."""
        client, ping_at = self._client, trio.current_time() + _until_ping()
        while not client.closed:
            now = trio.current_time()
            if now >= ping_at:
                if now - self._heard_at > SILENT_SECONDS:
                    return SILENT_CODE, "no answer to pings"
                await websocket.send(_PING)
                ping_at = now + _until_ping()

            if (text := client.take()) is not None:
                await websocket.send(text)
            elif client.owed() is not None:
                await self._catch_up()
            else:
                with trio.move_on_at(ping_at):
                    await client.wait()
        return client.ending.code, client.ending.why

    async def _catch_up(self) -> None:
        """Tell a page of what is owed, from the log."""
        client = self._client
        span = client.owed()
        assert span is not None, "asked only when something is owed"
        if span.until - span.after > REPLAY_MAX:
            await websocket.send(client.forgiven(span))
            return

        limit = min(REPLAY_PAGE, span.until - span.after)
        try:
            merchant_id = self._admitted.caller.merchant_id
            found = await self._log.after(merchant_id, span.after, limit)
        except Unavailable as error:
            _log.warning("live_events_not_read", error=str(error))
            await trio.sleep(RETRY_SECONDS)
            return

        if [one.sequence for one in found] != list(range(span.after + 1, span.after + limit + 1)):
            await websocket.send(client.forgiven(span))  # they are pruned
            return
        for one in found:
            await websocket.send(event_frame(one.sequence, one.body))
        client.repaid(span, found[-1].sequence)

    async def _listen(self) -> None:
        """What is neither ping nor subscribe says only that the client is there."""
        while True:
            text = await websocket.receive()
            self._heard_at = trio.current_time()
            try:
                said = _read(text)
                if said.type == "subscribe":
                    await self.subscribe(said, "subscribed")
                elif said.type == "authenticate":
                    await self._renew(said)
            except (Refused, Unavailable) as error:
                self._client.offer(_error(failure_of(error), self._request_id))
                continue
            if said.type == "ping":
                self._client.offer(_PONG)

    async def _renew(self, said: Said) -> None:
        """The same person, or key, goes on with another token. Raises Refused, Unavailable."""
        known, authorization = self._admitted.caller, f"Bearer {said.token}"
        address = self._admitted.address
        caller = await self._guard.identify(authorization, address)
        if (caller.tenant.ispb, caller.actor) != (known.tenant.ispb, known.actor):
            raise Refused("unauthorized", "this connection is somebody else's")
        self._admitted = _Admitted(caller, authorization, address)
        self._client.offer(_AUTHENTICATED)

    async def _look_again(self) -> None:
        """Close the window of whoever would not be let in any more."""
        while True:
            await trio.sleep(_spread(RECHECK_SECONDS))
            try:
                await self._guard.identify(self._admitted.authorization, self._admitted.address)
            except Unavailable:
                continue  # the weather, of which others tell: nobody was revoked by it
            except Refused as refused:
                self._client.close(Ending(UNAUTHORIZED_CODE, refused.code))
                return

    @property
    def _log(self) -> EventLog:
        return self._admitted.caller.tenant.events


def _until_ping() -> float:
    return _spread(HEARTBEAT_SECONDS)


def _spread(seconds: float) -> float:
    """So that not all clients are due at once."""
    return seconds * (1 + random.uniform(-HEARTBEAT_SPREAD, HEARTBEAT_SPREAD))  # noqa: S311  hides nothing


def _asked() -> Said:
    """What the address asks for: `?topics=payments,balances&since=41`. Raises Refused."""
    said: dict[str, object] = {"type": "subscribe"}
    if (topics := websocket.args.get("topics")) is not None:
        said["topics"] = topics.split(",")
    if (since := websocket.args.get("since")) is not None:
        said["since"] = int(since) if since.isdecimal() and since.isascii() else since
    try:
        return msgspec.convert(said, Said)
    except msgspec.ValidationError as error:
        raise Refused("validation_failed", str(error)) from None


def _require(caller: Caller, said: Said) -> None:
    for topic in said.topics:
        require(caller, PERMISSION_OF[topic])
        if caller.belongs_to is None and topic in OF_A_MERCHANT:
            raise not_a_merchant()


async def _close(failure: Failure, request_id: str) -> None:
    await websocket.send(_error(failure, request_id))
    codes = {"unavailable": TRY_AGAIN_CODE, SUSPENDED.why: SUSPENDED.code}
    await websocket.close(codes.get(failure.code, UNAUTHORIZED_CODE), failure.code)


def _error(failure: Failure, request_id: str) -> str:
    return '{"type":"error",' + failure.body(request_id).decode().removeprefix("{")


def _read(text: str | bytes) -> Said:
    try:
        return _decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refused("malformed_json", "expected an object with a type") from None


_decode = msgspec.json.Decoder(Said).decode
