"""The bare counterpart: the same server software, and nothing behind it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import msgspec

from fluxiq.commands.bench_payments.load import (
    AMOUNT,
    CALL_SECONDS_MAX,
    KEY,
    One,
    closed_loop,
    open_loop,
    timed,
)
from fluxiq.commands.bench_payments.processes import client_of, process
from fluxiq.commands.figures import Figure

SHARE_AIMED: Final = 0.5
ONE_ORDER: Final = msgspec.json.encode({"amount": AMOUNT, "recipient": {"pix_key": KEY}})


async def echo_rate(count: int, callers: int, body: bytes = ONE_ORDER) -> float:
    """Requests per second of a server started anew, after a warm-up."""
    async with _echo(body) as one:
        await closed_loop(min(count, callers), callers, one)
        return count / await closed_loop(count, callers, one)


async def echo_seconds(count: int, per_second: float | None = None) -> list[float]:
    """How long each request takes: one after the other, or started at a rate."""
    async with _echo(ONE_ORDER) as one:
        seconds: list[float] = []
        await closed_loop(min(count, 10), 1, one)
        if per_second is None:
            await closed_loop(count, 1, timed(one, seconds))
        else:
            await open_loop(range(count), per_second, timed(one, seconds))
        return seconds


def beside_echo(name: str, rate: float, before: float, after: float) -> list[Figure]:
    """Beside the echo's rate just before and just after: a shared machine changes its speed."""
    bare = (before + after) / 2
    share = rate / bare
    return [
        Figure(name=f"bare echo, around {name}", value=bare, unit="requests/s"),
        Figure(name=name, value=rate, unit="requests/s"),
        Figure(
            name=f"{name}, share of the echo",
            value=share,
            unit="",
            aim=f"at least {SHARE_AIMED}",
            holds=share >= SHARE_AIMED,
        ),
    ]


@asynccontextmanager
async def _echo(body: bytes) -> AsyncIterator[One]:
    async with process(["-m", "fluxiq.commands.echo"], {}) as server:
        assert server.stdout is not None, "its output is a pipe"
        port = msgspec.json.decode(await server.stdout.receive_some())["port"]
        async with client_of(f"http://127.0.0.1:{port}") as http:

            async def one(_: int) -> None:
                response = await http.request("POST", "/", body=body, seconds_max=CALL_SECONDS_MAX)
                assert response.status == 200, response.status  # noqa: PLR2004

            yield one
