"""`/api/v1/ws`: the Window. A merchant's events, pushed as they happen.

The key comes in the `Authorization` header, or, from browsers, in the first message:
`{"type":"authenticate","token":"sk_live_…"}`. Then the server says `{"type":"ready"}` and pushes
`{"type":"event","event":{…}}`. `{"type":"refetch"}` means that some were missed. After some silence
it says `{"type":"ping"}`, so that a client knows; a client's own `ping` is answered with `pong`.
"""

from typing import Final

import msgspec
import trio
from msgspec import Struct
from quart import websocket
from quart_trio import QuartTrio
from quart_trio.wrappers import TrioResponse
from structlog.contextvars import bind_contextvars

from fluxiq.api.contract import Rate
from fluxiq.api.door import REQUEST_ID, Door, refusal
from fluxiq.api.errors import Failure, failure_of
from fluxiq.api.guard import Guard, require
from fluxiq.api.hub import Hub, Subscription
from fluxiq.errors import Refused
from fluxiq.services.authenticate import Caller

PATH: Final = "/api/v1/ws"
PERMISSION: Final = "pix:read"
AUTHENTICATE_SECONDS: Final = 10.0
HEARTBEAT_SECONDS: Final = 20.0

# RFC 6455 7.4.2: 4000-4999 are ours to define.
UNAUTHORIZED_CODE: Final = 4401
GOING_AWAY_CODE: Final = 1001

_PING = b'{"type":"ping"}'
_PONG = b'{"type":"pong"}'


class Said(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a client may say."""

    type: str
    token: str = ""


class Sockets:
    """Serves websocket clients from the hub."""

    def __init__(self, hub: Hub, guard: Guard, door: Door) -> None:
        self._hub = hub
        self._guard = guard
        self._door = door

    def register(self, app: QuartTrio) -> None:
        app.add_websocket(PATH, "events_socket", self._serve)

    async def _serve(self) -> TrioResponse | None:
        headers = self._door.greet(websocket.headers.get(REQUEST_ID))
        authorization = websocket.headers.get("Authorization")
        caller = None
        if authorization is not None:
            try:
                caller = await self._admit(authorization)
            except Exception as error:  # noqa: BLE001 - refused in the envelope, as over HTTP
                return refusal(failure_of(error), headers)

        await websocket.accept(headers=headers)
        try:
            caller = caller or await self._admit_by_message()
            subscription = self._hub.subscribe(caller.tenant.ispb, caller.merchant_id)
        except Exception as error:  # noqa: BLE001 - told to the client, then closed
            await _close(failure_of(error), headers[REQUEST_ID])
            return None

        with subscription:
            await websocket.send('{"type":"ready"}')
            await _carry(subscription)
        return None

    async def _admit(self, authorization: str) -> Caller:
        """Raises Refused, exactly as the doors of HTTP do."""
        caller = await self._guard.identify(authorization)
        bind_contextvars(institution=caller.tenant.ispb)
        await self._guard.check_rate(caller, Rate.READ)
        require(caller, PERMISSION)
        return caller

    async def _admit_by_message(self) -> Caller:
        with trio.move_on_after(AUTHENTICATE_SECONDS):
            said = _read(await websocket.receive())
            if said.type != "authenticate":
                raise Refused("unauthorized", "authenticate first")
            return await self._admit(f"Bearer {said.token}")
        raise Refused("unauthorized", f"not authenticated within {AUTHENTICATE_SECONDS:g} s")


async def _carry(subscription: Subscription) -> None:
    """Push until the client leaves (Quart then cancels us) or the hub closes."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_listen, subscription)
        while not subscription.closed:
            message: bytes | None = _PING
            with trio.move_on_after(HEARTBEAT_SECONDS):
                message = await subscription.receive()
            if message is not None:
                await websocket.send(message.decode())
        nursery.cancel_scope.cancel()
    await websocket.close(GOING_AWAY_CODE, "the server stops")


async def _listen(subscription: Subscription) -> None:
    """Clients have nothing to say but ping; what else they say is ignored."""
    while True:
        try:
            said = _read(await websocket.receive())
        except Refused:
            continue
        if said.type == "ping":
            subscription.offer(_PONG)


async def _close(failure: Failure, request_id: str) -> None:
    body = failure.body(request_id).decode()
    await websocket.send('{"type":"error",' + body.removeprefix("{"))
    await websocket.close(UNAUTHORIZED_CODE, failure.code)


def _read(text: str | bytes) -> Said:
    try:
        return _decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refused("malformed_json", "expected an object with a type") from None


_decode = msgspec.json.Decoder(Said).decode
