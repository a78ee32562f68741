"""Redis: deadlines short, outages as Unavailable, and one round trip for a crowd.

redis-py costs about 0.1 ms of Python per command and its blocking pool is unfair under load (p99
379 ms at 256 callers on 16 connections). So whoever calls while a round trip is under way comes
along with the next one, as a pipeline.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

import redis.asyncio as redis
import trio
from redis import exceptions
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from fluxiq.asyncio_host import AsyncioCancelled, AsyncioHost
from fluxiq.cache.bucket import BUCKET_SCRIPT, BUCKET_SCRIPT_SHA
from fluxiq.cache.rate import RATE_SCRIPT, RATE_SCRIPT_SHA
from fluxiq.domain.token_bucket import BucketSize, Spent
from fluxiq.errors import Unavailable
from fluxiq.natural_batching import NaturalBatcher
from fluxiq.ports import RateDecision

CLOSE_SECONDS_MAX: Final = 2.0
BATCH_LIMIT: Final = 256

_ENTRY: Final = b"entry"  # the one field of what is in a stream

_SCRIPTS: Final = {RATE_SCRIPT_SHA: RATE_SCRIPT, BUCKET_SCRIPT_SHA: BUCKET_SCRIPT}

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
    """Callers waiting for the next round trip, and totals since the start."""

    waiting: int
    commands: int
    round_trips: int
    outages: int


@asynccontextmanager
async def open_cache(
    host: AsyncioHost,
    url: str,
    *,
    user: str | None = None,
    password: str | None = None,
    prefix: str = "fluxiq:",
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
        command_seconds_max: float,
        waiting_max: int,
        now_ms: Callable[[], int] | None,
    ) -> None:
        self._host = host
        self._client = client
        self._prefix = prefix
        self._command_seconds_max = command_seconds_max
        self._now_ms = now_ms
        self._crowd: NaturalBatcher[Sequence[Any], Any] = NaturalBatcher(
            self._together,
            BATCH_LIMIT,
            system="redis",
            seconds_max=command_seconds_max,
            waiting_max=waiting_max,
        )
        self._commands = self._outages = 0

    async def get(self, key: str) -> bytes | None:
        """The value, or None when there is none (any more)."""
        name = self._prefix + key
        found: bytes | None = await self._ask("GET", name)
        return found

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """The values in the order of `keys`, None where there is none (any more)."""
        if not keys:
            return []
        found: list[bytes | None] = await self._ask("MGET", *(self._prefix + key for key in keys))
        return found

    async def put(self, key: str, value: bytes, *, ttl_seconds: float) -> None:
        """Keep `value` for `ttl_seconds`, in place of what was there."""
        name, ttl_ms = self._prefix + key, max(1, int(ttl_seconds * 1000))
        await self._ask("SET", name, value, "PX", ttl_ms)

    async def delete(self, key: str) -> None:
        """Forget the key, if it is there."""
        name = self._prefix + key
        await self._ask("DEL", name)

    async def allow(self, bucket: str, limit: int, window_seconds: int) -> RateDecision:
        """Count one use of `bucket` if it fits `limit` uses in any `window_seconds`.

        Atomic across processes: one script, in one call. A refused use is not counted.
        `reset_at` is the window's end, and for a refused use the moment it would fit.
        """
        [decision] = await self.allow_all([(bucket, limit)], window_seconds)
        return decision

    async def allow_all(
        self, uses: Sequence[tuple[str, int]], window_seconds: int
    ) -> list[RateDecision]:
        """Count one use of each bucket, given with its limit, if it fits them all; else of none."""
        assert uses, "somebody's allowance is asked for"
        assert all(limit > 0 for _, limit in uses), "a bucket allows something"
        assert window_seconds > 0, "a window has a length"
        keys = [f"{self._prefix}rate:{bucket}" for bucket, _ in uses]
        limits = [limit for _, limit in uses]
        now_ms = self._now_ms() if self._now_ms is not None else 0
        said = await self._ask(
            "EVALSHA", RATE_SCRIPT_SHA, len(keys), *keys, window_seconds * 1000, now_ms, *limits
        )
        return [
            RateDecision(
                allowed=said[3 * place] == 1,
                limit=limit,
                remaining=said[3 * place + 1],
                reset_at=-(-said[3 * place + 2] // 1000),
            )
            for place, limit in enumerate(limits)
        ]

    async def spend(
        self, bucket: str, size: BucketSize, cost: int, *, in_debt: bool = False
    ) -> Spent:
        """Take `cost` tokens out of `bucket` if they are there, or in any case when `in_debt`.

        Atomic across processes: one script, in one call. Refused tokens are not taken.
        """
        assert size.capacity > 0, "a bucket holds something"
        assert size.per_minute > 0, "a bucket fills by itself"
        key = f"{self._prefix}bucket:{bucket}"
        now_ms = self._now_ms() if self._now_ms is not None else 0
        allowed, left, wait_ms = await self._ask(
            "EVALSHA",
            BUCKET_SCRIPT_SHA,
            1,
            key,
            size.capacity,
            size.per_minute,
            cost,
            int(in_debt),
            now_ms,
        )
        return Spent(allowed=allowed == 1, left=left, wait_ms=wait_ms)

    async def table(self, key: str) -> dict[str, bytes]:
        """Every field of a table, none where there is no table."""
        said: dict[bytes, bytes] = await self._ask("HGETALL", self._prefix + key)
        return {field.decode(): value for field, value in said.items()}

    async def put_field(self, key: str, field: str, value: bytes) -> None:
        """Write one field of a table, for good."""
        await self._ask("HSET", self._prefix + key, field, value)

    async def append(
        self,
        streams: Mapping[str, Sequence[bytes]],
        *,
        length_max: int,
        bytes_max: int,
        ttl_seconds: int,
    ) -> None:
        """Add entries to the ends of streams, in one round trip. A stream keeps about `length_max`
        of them, and is gone `ttl_seconds` after the last one.

        It keeps fewer where they are long: of those that have s bytes or more there are at most
        about `bytes_max` / s, whatever s, since the last of them left no room for more.
        """
        commands: list[Sequence[Any]] = []
        for stream, entries in streams.items():
            if not entries:
                continue
            name = self._prefix + stream
            length = min(length_max, max(1, bytes_max // max(map(len, entries))))
            commands += [
                ("XADD", name, "MAXLEN", "~", length, "*", _ENTRY, entry) for entry in entries
            ]
            commands.append(("EXPIRE", name, ttl_seconds))
        if commands:
            await self._ask_all(commands)

    async def newest(self, stream: str, count: int) -> list[bytes]:
        """The last `count` entries of a stream, the newest first."""
        said = await self._ask("XREVRANGE", self._prefix + stream, "+", "-", "COUNT", count)
        return [fields[_ENTRY] for _, fields in said]

    async def administer(self, *command: str | int) -> Any:
        """Run a command as it is, without the prefix: for what an administrator sets up."""
        return await self._ask(*command)

    async def ping(self) -> None:
        """Raise Unavailable unless Redis answers."""
        await self._ask("PING")

    def statistics(self) -> CacheStatistics:
        crowd = self._crowd.statistics()
        return CacheStatistics(
            waiting=crowd.waiting,
            commands=self._commands,
            round_trips=crowd.batches,
            outages=self._outages,
        )

    async def _ask_all(self, commands: Sequence[Sequence[Any]]) -> list[Any]:
        """A round trip of one's own, for who comes with a crowd."""
        try:
            with trio.fail_after(self._command_seconds_max):
                answers = await self._together(commands)
        except trio.TooSlowError:
            raise self._unavailable(f"no answer within {self._command_seconds_max} s") from None
        except Unavailable:
            self._outages += 1
            raise
        return [self._answer(one) for one in answers]

    async def _ask(self, *command: Any) -> Any:
        """The answer to one command, at most `command_seconds_max` from now."""
        try:
            with trio.fail_after(self._command_seconds_max):
                answer = await self._crowd(command)
        except trio.TooSlowError:
            raise self._unavailable(f"no answer within {self._command_seconds_max} s") from None
        except Unavailable:
            self._outages += 1
            raise
        return self._answer(answer)

    def _answer(self, answer: Any) -> Any:
        """Raises what an answer is, where it is an exception."""
        if isinstance(answer, _OUTAGES):
            raise self._unavailable(str(answer)) from answer
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def _together(self, commands: Sequence[Sequence[Any]]) -> list[Any]:
        """One round trip for all; an answer that is an exception belongs to its own caller."""
        self._commands += len(commands)
        try:
            return await self._host.run(self._pipeline, commands)
        except (*_OUTAGES, AsyncioCancelled) as error:
            raise Unavailable("redis", str(error) or type(error).__name__) from error

    async def _pipeline(self, commands: Sequence[Sequence[Any]]) -> list[Any]:
        async with (
            asyncio.timeout(self._command_seconds_max),
            self._client.pipeline(transaction=False) as pipe,
        ):
            for command in commands:
                pipe.execute_command(*command)
            answers: list[Any] = await pipe.execute(raise_on_error=False)

            # A server that has restarted has forgotten its scripts: this one is said in full.
            for index, answer in enumerate(answers):
                if isinstance(answer, exceptions.NoScriptError):
                    _, sha, *arguments = commands[index]
                    answers[index] = await self._client.eval(_SCRIPTS[sha], *arguments)
            return answers

    def _unavailable(self, message: str) -> Unavailable:
        self._outages += 1
        return Unavailable("redis", message)
