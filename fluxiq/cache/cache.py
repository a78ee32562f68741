"""Redis behind one hop per command: callers bounded, deadlines short, outages as Unavailable.

redis-py's blocking pool is unfair under load (p99 379 ms at 256 callers on 16 connections), so the
callers wait here, in order, for as many places as there are connections.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import redis.asyncio as redis
import trio
from redis import exceptions
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from fluxiq.asyncio_host import AsyncioCancelled, AsyncioHost
from fluxiq.cache.rate import RATE_SCRIPT
from fluxiq.errors import Unavailable
from fluxiq.ports import RateDecision

T = TypeVar("T")

CLOSE_SECONDS_MAX: Final = 2.0

_OUTAGES: Final = (
    OSError,  # TimeoutError too
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    exceptions.ReadOnlyError,  # a primary that was demoted under us
    exceptions.OutOfMemoryError,
    exceptions.MasterDownError,
)


@dataclass(frozen=True, slots=True)
class CacheStatistics:
    """Places for commands, callers in and before them, and totals since the start."""

    size: int
    in_use: int
    waiting: int
    commands: int
    outages: int


@asynccontextmanager
async def open_cache(
    host: AsyncioHost,
    url: str,
    *,
    user: str | None = None,
    password: str | None = None,
    prefix: str = "fluxiq:",
    size: int = 16,
    command_seconds_max: float = 1.0,
    waiting_max: int = 4096,
    now_ms: Callable[[], int] | None = None,
) -> AsyncIterator["Cache"]:
    """Redis at `url` (redis://, rediss:// or unix:///path), every key under `prefix`.

    Connects when first needed, so this succeeds while Redis is down. A command takes at most
    `command_seconds_max`, the wait for its turn included; at most `waiting_max` callers wait.
    `now_ms` is the clock of rate limits; without it Redis's own, one for all processes.
    """

    async def make_client() -> redis.Redis:
        return redis.Redis.from_url(
            url,
            username=user,
            password=password,
            max_connections=size,
            socket_connect_timeout=command_seconds_max,
            socket_timeout=command_seconds_max,
            # Once more at once: a connection the server closed while idle is only noticed in use.
            retry=Retry(NoBackoff(), 1),
        )

    client = await host.run(make_client)

    try:
        yield Cache(
            host,
            client,
            prefix=prefix,
            size=size,
            command_seconds_max=command_seconds_max,
            waiting_max=waiting_max,
            now_ms=now_ms,
        )
    finally:
        with (
            trio.move_on_after(CLOSE_SECONDS_MAX, shield=True),
            suppress(*_OUTAGES, AsyncioCancelled),
        ):
            await host.run(client.aclose)


class Cache:
    """Made by `open_cache`. Every method raises Unavailable("redis") when Redis does not answer."""

    def __init__(
        self,
        host: AsyncioHost,
        client: redis.Redis,
        *,
        prefix: str,
        size: int,
        command_seconds_max: float,
        waiting_max: int,
        now_ms: Callable[[], int] | None,
    ) -> None:
        self._host = host
        self._client = client
        self._prefix = prefix
        self._places = trio.CapacityLimiter(size)
        self._command_seconds_max = command_seconds_max
        self._waiting_max = waiting_max
        self._now_ms = now_ms
        self._rate_script = client.register_script(RATE_SCRIPT)
        self._commands = self._outages = 0

    async def get(self, key: str) -> bytes | None:
        """The value, or None when there is none (any more)."""
        name = self._prefix + key
        found: bytes | None = await self._hand_over(lambda: self._client.get(name))
        return found

    async def put(self, key: str, value: bytes, *, ttl_seconds: float) -> None:
        """Keep `value` for `ttl_seconds`, in place of what was there."""
        name, ttl_ms = self._prefix + key, max(1, int(ttl_seconds * 1000))
        await self._hand_over(lambda: self._client.set(name, value, px=ttl_ms))

    async def delete(self, key: str) -> None:
        """Forget the key, if it is there."""
        name = self._prefix + key
        await self._hand_over(lambda: self._client.delete(name))

    async def allow(self, bucket: str, limit: int, window_seconds: int) -> RateDecision:
        """Count one use of `bucket` if it fits `limit` uses in any `window_seconds`.

        Atomic across processes: one script, in one call. A refused use is not counted.
        `reset_at` is the window's end, and for a refused use the moment it would fit.
        """
        assert limit > 0, "a bucket allows something"
        assert window_seconds > 0, "a window has a length"
        keys = [f"{self._prefix}rate:{bucket}"]
        now_ms = self._now_ms() if self._now_ms is not None else 0
        arguments = [limit, window_seconds * 1000, now_ms]
        answer = await self._hand_over(lambda: self._rate_script(keys=keys, args=arguments))
        allowed, remaining, reset_at_ms = answer
        return RateDecision(
            allowed=allowed == 1,
            limit=limit,
            remaining=remaining,
            reset_at=-(-reset_at_ms // 1000),
        )

    async def administer(self, *command: str | int) -> Any:
        """Run a command as it is, without the prefix: for what an administrator sets up."""
        run: Callable[..., Awaitable[Any]] = self._client.execute_command
        return await self._hand_over(lambda: run(*command))

    async def ping(self) -> None:
        """Raise Unavailable unless Redis answers."""
        await self._hand_over(self._client.ping)

    def statistics(self) -> CacheStatistics:
        places = self._places.statistics()
        return CacheStatistics(
            size=int(places.total_tokens),
            in_use=places.borrowed_tokens,
            waiting=places.tasks_waiting,
            commands=self._commands,
            outages=self._outages,
        )

    async def _hand_over(self, command: Callable[[], Awaitable[Any]]) -> Any:
        deadline = trio.current_time() + self._command_seconds_max
        await self._take_place(deadline)

        async def work() -> Any:
            async with asyncio.timeout_at(deadline):
                return await command()

        try:
            self._commands += 1
            return await self._host.run(work)
        except (*_OUTAGES, AsyncioCancelled) as error:
            raise self._unavailable(str(error) or type(error).__name__) from error
        finally:
            self._places.release()

    async def _take_place(self, deadline: float) -> None:
        try:
            self._places.acquire_nowait()
        except trio.WouldBlock:
            pass
        else:
            return

        if self._places.statistics().tasks_waiting >= self._waiting_max:
            raise self._unavailable("too many callers are waiting")

        with trio.move_on_at(deadline):
            await self._places.acquire()
            return

        raise self._unavailable(f"no turn within {self._command_seconds_max} s")

    def _unavailable(self, message: str) -> Unavailable:
        self._outages += 1
        return Unavailable("redis", message)
