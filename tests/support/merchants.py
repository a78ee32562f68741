"""Merchants' programs for end-to-end tests, and the keys to the servers behind a platform.

A `Caller` sees the whole HTTP response, not only its data; `Heard` is a websocket read to the last
word; `inside` is what somebody with the institution's own credentials gets hold of.
"""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec
import trio
import trio_websocket

from actors.embedded import DataDirectory
from actors.servers import Servers
from fluxiq import settings
from fluxiq.asyncio_host import AsyncioHost
from fluxiq.commands.demo_data import Login
from fluxiq.couriers.sink import Sink, serve_sink
from fluxiq.domain import postings
from fluxiq.ports.sealing import Place, Sealer
from fluxiq.providers.signatures import HmacSignature
from fluxiq.stores.pool import uuid_of
from tests.support.seals import keyring_of

Json = dict[str, Any]
CALL_SECONDS_MAX = 60.0
CONNECTIONS_MAX = 64


class Caller:
    """A merchant's HTTP client. Made by `open_caller`."""

    def __init__(self, http: httpx.AsyncClient, login: Login, api: str) -> None:
        self.http = http
        self.login = login
        self.api = api

    async def post(
        self, path: str, body: Json, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        return await self.http.post(path, json=body, headers=headers)

    async def made(self, path: str, body: Json) -> Json:
        """The `data` of a 201 or 202."""
        made: Json = data_of(await self.post(path, body))
        return made

    async def get(self, path: str) -> Json:
        """The `data` of a 200."""
        found: Json = data_of(await self.http.get(path))
        return found

    async def balance(self) -> tuple[int, int]:
        """Centavos available and pending."""
        found = await self.get(f"/accounts/{self.login.account_id}/balance")
        assert found["total"] == found["available"] + found["pending"] + found["blocked"]
        return found["available"], found["pending"]


class Heard:
    """What a merchant's websocket was told. `refetches` counts the times it missed something."""

    def __init__(self) -> None:
        self.events: list[Json] = []
        self.refetches = 0
        self._news = trio.Event()

    def said(self, message: Json) -> None:
        if message["type"] == "event":
            self.events.append(message["event"])
        self.refetches += message["type"] == "refetch"
        self._news.set()
        self._news = trio.Event()

    def about(self, resource_id: str, *kinds: str) -> list[Json]:
        return [
            event
            for event in self.events
            if event["data"].get("id") == resource_id and (not kinds or event["type"] in kinds)
        ]

    async def wait_for(self, resource_id: str, *kinds: str, seconds: float = 30.0) -> Json:
        """The first event of one of `kinds` about a resource."""
        with trio.fail_after(seconds):
            while not (found := self.about(resource_id, *kinds)):
                await self._news.wait()
        return found[0]


@asynccontextmanager
async def open_caller(api: str, login: Login) -> AsyncIterator[Caller]:
    async with httpx.AsyncClient(
        base_url=f"{api}/api/v1",
        headers={"Authorization": f"Bearer {login.api_key}"},
        timeout=CALL_SECONDS_MAX,
        limits=httpx.Limits(
            max_connections=CONNECTIONS_MAX, max_keepalive_connections=CONNECTIONS_MAX
        ),
        trust_env=False,
    ) as http:
        yield Caller(http, login, api)


@asynccontextmanager
async def open_clerk(api: str, login: Login) -> AsyncIterator[httpx.AsyncClient]:
    """The owner of the login's institution, logged in."""
    person = login.chief
    assert person is not None, "the demo has people"
    async with httpx.AsyncClient(
        base_url=f"{api}/api/v1", timeout=CALL_SECONDS_MAX, trust_env=False
    ) as http:
        body = {"ispb": login.ispb, "document": person.document, "password": person.password}
        tokens = data_of(await http.post("/auth/login", json=body))
        http.headers["Authorization"] = f"Bearer {tokens['access_token']}"
        yield http


@asynccontextmanager
async def open_window(api: str, login: Login) -> AsyncIterator[Heard]:
    """A websocket under the merchant's key, read as fast as words come."""
    heard = Heard()
    headers = [(b"Authorization", f"Bearer {login.api_key}".encode())]
    url = f"{api.replace('http', 'ws', 1)}/api/v1/ws"
    async with (
        trio_websocket.open_websocket_url(url, extra_headers=headers) as socket,
        trio.open_nursery() as nursery,
    ):
        assert msgspec.json.decode(await socket.get_message())["type"] == "ready"
        nursery.start_soon(_read, socket, heard)
        yield heard
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def open_sink(caller: Caller, events: Sequence[str] = ("*",)) -> AsyncIterator[Sink]:
    """An endpoint of the merchant, registered with the platform, that verifies signatures."""
    async with trio.open_nursery() as nursery:
        sink: Sink = await nursery.start(lambda task_status: serve_sink(task_status=task_status))
        made = await caller.made("/webhooks", {"url": sink.url, "events": list(events)})
        sink.trust(made["secret"])
        yield sink
        nursery.cancel_scope.cancel()


async def eventually(
    what: Callable[[], Awaitable[bool]], seconds: float = 30.0, pause: float = 0.1
) -> None:
    """Ask again and again until the answer is yes."""
    with trio.fail_after(seconds):
        while not await what():  # noqa: ASYNC110  another process
            await trio.sleep(pause)


def data_of(response: httpx.Response) -> Any:
    assert response.is_success, f"{response.status_code}: {response.text}"
    return msgspec.json.decode(response.content)["data"]


def error_of(response: httpx.Response) -> Json:
    """The error in the envelope, which is whole."""
    said = msgspec.json.decode(response.content)
    assert said["meta"]["request_id"] == response.headers["X-Request-Id"]
    assert set(said["error"]) == {"code", "message", "details"}
    error: Json = said["error"]
    return error


class Inside:
    """Credentials of a running embedded platform, as its own processes have them."""

    def __init__(self, data_dir: Path) -> None:
        # Without its lock, which the platform holds.
        self.directory = DataDirectory(data_dir, -1)
        # Asking for a port that is in use would choose, and remember, another one.
        self.directory._ports["nats"] = int((data_dir / "run" / "nats.port").read_text())
        self.settings = settings.load({"FLUXIQ_DATA_DIR": str(data_dir)})
        self.servers = Servers(self.settings, self.directory)

    def provider_secret(self, ispb: str) -> str:
        """What the simulator and the institution sign with."""
        return self.directory.secret(f"providers/{ispb}/simulator")


async def deliver_notice(
    http: httpx.AsyncClient, ispb: str, secret: str, body: bytes, **changed: str
) -> httpx.Response:
    """Say something as the provider of `ispb`, signed with `secret`; `changed` replaces headers."""
    headers = HmacSignature(secret).sign(body, datetime.now(UTC))
    headers |= {name.replace("_", "-"): value for name, value in changed.items()}
    return await http.post(
        f"/institutions/{ispb}/providers/simulator/notices", content=body, headers=headers
    )


def receipt_notice(end_to_end_id: str, amount: str, key: str, **changed: Any) -> bytes:
    """The provider's word that money arrived; `amount` in reais."""
    notice: Json = {
        "endToEndId": end_to_end_id,
        "valor": amount,
        "horario": datetime.now(UTC).isoformat(),
        "chave": key,
        **changed,
    }
    return msgspec.json.encode({"pix": [notice]})


def fresh_end_to_end_id() -> str:
    """Of the simulator's institution."""
    now = datetime.now(UTC)
    return f"E99999004{now:%Y%m%d%H%M}{time.monotonic_ns() % 10**11:011d}"


async def written_about(inside: Inside, host: AsyncioHost, ispb: str, end_to_end_id: str) -> int:
    """Rows of an institution about a payment: visitors' book, receipts, walk, ledger."""

    async def count(connection: Any, sealer: Sealer) -> int:
        noticed = 0
        for row in await connection.fetch("SELECT id, notice FROM inbox"):
            notice = sealer.open(row["notice"], Place("inbox", "notice", row["id"]))
            noticed += end_to_end_id.encode() in notice
        found: int = await connection.fetchval(
            """
            SELECT (SELECT count(*) FROM receipts WHERE end_to_end_id = $1)
                + (SELECT count(*) FROM walk_steps WHERE end_to_end_id = $1)
                + (SELECT count(*) FROM ledger_transfers WHERE id = $2)
            """,
            end_to_end_id,
            uuid_of(postings.pix_in_id(ispb, end_to_end_id)),
        )
        return noticed + found

    async with inside.servers.open_postgres(host, ispb, size=1, seconds_max=10) as postgres:
        sealer = await keyring_of(postgres, ispb, inside.directory.path)
        return await postgres.run(count, sealer)


async def _read(socket: trio_websocket.WebSocketConnection, heard: Heard) -> None:
    while True:
        message = msgspec.json.decode(await socket.get_message())
        if message["type"] == "ping":
            await socket.send_message('{"type":"pong"}')
        heard.said(message)
