"""Requests: one merchant's, and how many of them when."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, Final, TypeAlias

import msgspec
import trio

from fluxiq.commands.demo_data import Login
from fluxiq.commands.merchant import Json
from fluxiq.errors import StartRefused
from fluxiq.http1 import HttpClient

CALL_SECONDS_MAX: Final = 30.0
SETTLE_SECONDS_MAX: Final = 120.0
LOOK_SECONDS: Final = 0.1
AMOUNT: Final = 1  # centavo: thousands of them are within a person's limit for a night
KEY: Final = "confirmed@simulator.example"
ENDED: Final = "/pix/payouts?status=confirmed&per_page=1"
_OPEN: Final = {"pending", "processing"}

Life: TypeAlias = tuple[datetime, datetime]
One: TypeAlias = Callable[[int], Awaitable[None]]


class Load:
    """One merchant's requests, over connections of its own. Raises StartRefused for an answer that
    is none of success.
    """

    def __init__(self, http: HttpClient, login: Login, token: str | None = None) -> None:
        """With the merchant's API key, or a person's `token`."""
        self.login = login
        self._http = http
        self._headers = {
            "authorization": f"Bearer {token or login.api_key}",
            "content-type": "application/json",
        }

    async def as_owner(self) -> "Load":
        """The same merchant's, asked for by a person who has logged in."""
        owner = self.login.owner
        assert owner is not None, "a fresh platform has people"
        body = {"ispb": self.login.ispb, "document": owner.document, "password": owner.password}
        token = (await self.post("/auth/login", body))["access_token"]
        return Load(self._http, self.login, token)

    async def metrics(self) -> str:
        """All series, as Prometheus would read them."""
        response = await self._http.request("GET", "/metrics", seconds_max=CALL_SECONDS_MAX)
        return response.body.decode()

    async def post(self, path: str, body: Json) -> Json:
        """The `data` of the answer."""
        said: Json = (await self._call("POST", path, msgspec.json.encode(body)))["data"]
        return said

    async def post_batch(self, body: bytes) -> Json:
        """A batch of payouts, encoded before: the load generator has the same cores. Its `meta`."""
        meta: Json = (await self._call("POST", "/pix/payouts/batch", body))["meta"]
        return meta

    async def get(self, path: str) -> Json:
        said: Json = (await self._call("GET", path, b""))["data"]
        return said

    async def total(self, path: str) -> int:
        """How many records a list has."""
        said: int = (await self._call("GET", path, b""))["meta"]["total"]
        return said

    async def wait_for_total(self, path: str, count: int) -> None:
        """Until a list has `count` records. Raises StartRefused when it never does."""
        with trio.move_on_after(SETTLE_SECONDS_MAX):
            while await self.total(path) < count:  # noqa: ASYNC110  another process
                await trio.sleep(LOOK_SECONDS)
            return
        raise StartRefused(f"{path} did not come to {count} within {SETTLE_SECONDS_MAX:g} s")

    async def ends(self, path: str, ids: Sequence[str]) -> list[Life]:
        """Look at each until it has ended. Raises StartRefused when one never does."""
        lives = []
        for one in ids:
            with trio.move_on_after(SETTLE_SECONDS_MAX):
                record = await self.get(f"{path}/{one}")
                while record["status"] in _OPEN:
                    await trio.sleep(LOOK_SECONDS)
                    record = await self.get(f"{path}/{one}")
                lives.append(_life(record))
                continue
            raise StartRefused(f"{path}/{one} did not end within {SETTLE_SECONDS_MAX:g} s")
        return lives

    async def _call(self, method: str, path: str, body: bytes) -> Any:
        response = await self._http.request(
            method,
            f"/api/v1{path}",
            headers=self._headers,
            body=body,
            seconds_max=CALL_SECONDS_MAX,
        )
        if response.status not in {200, 201, 202}:
            raise StartRefused(f"{path} answered {response.status}: {response.body.decode()}")
        return msgspec.json.decode(response.body)


def payout_order(idempotency_key: str) -> Json:
    """What a merchant sends for one payout."""
    return {"amount": AMOUNT, "recipient": {"pix_key": KEY}, "idempotency_key": idempotency_key}


def spans(lives: Sequence[Life]) -> list[float]:
    """Seconds from creation to the end."""
    return [(ended - created).total_seconds() for created, ended in lives]


def rate_of(lives: Sequence[Life]) -> float:
    """Ended per second, from the first creation to the last end."""
    first, last = min(created for created, _ in lives), max(ended for _, ended in lives)
    return len(lives) / (last - first).total_seconds()


async def closed_loop(count: int, callers: int, one: One) -> float:
    """`callers` at once, each starting anew as soon as it is answered; returns the seconds."""
    numbers = iter(range(count))

    async def caller() -> None:
        for number in numbers:
            await one(number)

    started = trio.current_time()
    async with trio.open_nursery() as nursery:
        for _ in range(callers):
            nursery.start_soon(caller)
    return trio.current_time() - started


async def open_loop(numbers: range, per_second: float, one: One) -> None:
    """Start one after the other at a steady rate, whatever becomes of them."""
    started = trio.current_time()
    async with trio.open_nursery() as nursery:
        for index, number in enumerate(numbers):
            await trio.sleep_until(started + index / per_second)
            nursery.start_soon(one, number)


def timed(one: One, seconds: list[float]) -> One:
    """The same, and how long each took."""

    async def measured(number: int) -> None:
        started = trio.current_time()
        await one(number)
        seconds.append(trio.current_time() - started)

    return measured


def _life(record: Json) -> Life:
    """From creation to the end, as the record has it (a charge: to the provider's notice)."""
    ended = record.get("updated_at") or record["paid_at"]
    return datetime.fromisoformat(record["created_at"]), datetime.fromisoformat(ended)
