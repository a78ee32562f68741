"""`ports.live_data.LiveData` in Redis: a table for each kind, a field for each name, no expiry."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Final, Generic, Protocol, TypeVar

import msgspec
import structlog
from msgspec import Struct

from fluxiq.domain.live_data import ExchangeRate, Flag, ProviderStatus
from fluxiq.errors import Unavailable
from fluxiq.ports import Clock
from fluxiq.ports.live_data import Known, LiveData

T = TypeVar("T", bound=Struct)

FRESH_SECONDS: Final = 1.0

# Says to the world that something changed: its kind and what it is now, as JSON.
Notice = Callable[[str, bytes], Awaitable[None]]

_log = structlog.get_logger("fluxiq.live_data")


class Tables(Protocol):
    """What is used of `cache.Cache`."""

    async def table(self, key: str) -> Mapping[str, bytes]: ...

    async def put_field(self, key: str, field: str, value: bytes) -> None: ...


class RedisLiveData(LiveData):
    """One institution's. `notify` may raise Unavailable: then the change is there, untold."""

    def __init__(
        self, cache: Tables, clock: Clock, monotonic: Callable[[], float], notify: Notice
    ) -> None:
        self._rates = _Table(cache, "live:rates", ExchangeRate, clock, monotonic)
        self._flags = _Table(cache, "live:flags", Flag, clock, monotonic)
        self._providers = _Table(cache, "live:providers", ProviderStatus, clock, monotonic)
        self._notify = notify

    async def rates(self) -> Known[ExchangeRate]:
        return await self._rates.read()

    async def put_rate(self, rate: ExchangeRate) -> None:
        await self._rates.put(rate.pair, rate)
        await self._tell("rate", rate)

    async def flags(self) -> Known[Flag]:
        return await self._flags.read()

    async def put_flag(self, flag: Flag) -> None:
        await self._flags.put(flag.name, flag)
        await self._tell("flag", flag)

    async def providers(self) -> Known[ProviderStatus]:
        return await self._providers.read()

    async def put_provider(self, status: ProviderStatus, *, tell: bool) -> None:
        await self._providers.put(status.name, status)
        if tell:
            await self._tell("provider", status)

    async def _tell(self, kind: str, value: Struct) -> None:
        try:
            await self._notify(kind, msgspec.json.encode(value))
        except Unavailable as error:
            _log.warning("live_data_notice_lost", kind=kind, error=str(error))


class _Table(Generic[T]):
    """One table, with the copy that reads come from."""

    def __init__(
        self,
        cache: Tables,
        key: str,
        kind: type[T],
        clock: Clock,
        monotonic: Callable[[], float],
    ) -> None:
        self._cache = cache
        self._key = key
        self._decode = msgspec.json.Decoder(kind).decode
        self._clock = clock
        self._monotonic = monotonic
        self._known: Known[T] | None = None
        self._fresh_until = float("-inf")

    async def read(self) -> Known[T]:
        if self._known is not None and self._monotonic() < self._fresh_until:
            return self._known
        try:
            fields = await self._cache.table(self._key)
        except Unavailable as error:
            return self._last_known(error)

        at: datetime = self._clock.now()
        self._known = Known(values=self._values(fields), as_of=at)
        self._fresh_until = self._monotonic() + FRESH_SECONDS
        return self._known

    async def put(self, name: str, value: T) -> None:
        """Written, and read again by the next who asks here."""
        await self._cache.put_field(self._key, name, msgspec.json.encode(value))
        self._fresh_until = float("-inf")

    def _last_known(self, error: Unavailable) -> Known[T]:
        """Told as stale; Redis is asked again a second from now, not by every reader."""
        if self._known is None:
            raise error
        if not self._known.stale:
            _log.warning("live_data_stale", table=self._key, error=str(error))
            self._known = msgspec.structs.replace(self._known, stale=True)
        self._fresh_until = self._monotonic() + FRESH_SECONDS
        return self._known

    def _values(self, fields: Mapping[str, bytes]) -> dict[str, T]:
        """What can be read: a value that somebody else spoilt hides no other."""
        values: dict[str, T] = {}
        for name, text in sorted(fields.items()):
            try:
                values[name] = self._decode(text)
            except msgspec.DecodeError as error:
                _log.error(
                    "live_data_unreadable", table=self._key, field_name=name, error=str(error)
                )
        return values
