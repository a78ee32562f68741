"""`ports.request_log.RequestLog` in Redis: a capped stream for each merchant, and one for all.

Lines name nobody (`services.request_book` masks them), so unlike what `sealed.py` keeps they are
not sealed. A thousand ordinary lines take about 200 kB; of longer ones fewer are kept.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final, Protocol

import msgspec
import structlog
import trio

from fluxiq.domain.request_log import RequestLine
from fluxiq.ports import Clock
from fluxiq.ports.request_log import RequestLog

OF_MERCHANT_MAX: Final = 1000
OF_MERCHANT_BYTES_MAX: Final = 512 * 1024
OF_INSTITUTION_MAX: Final = 5000
OF_INSTITUTION_BYTES_MAX: Final = 5 * OF_MERCHANT_BYTES_MAX
KEPT: Final = timedelta(days=7)
BITE: Final = 500  # lines read in one go: a millisecond

_EVERYBODY: Final = "requests:institution"

_log = structlog.get_logger("fluxiq.request_log")
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(RequestLine).decode


class Streams(Protocol):
    """What is used of `cache.Cache`."""

    async def append(
        self,
        streams: Mapping[str, Sequence[bytes]],
        *,
        length_max: int,
        bytes_max: int,
        ttl_seconds: int,
    ) -> None: ...

    async def newest(self, stream: str, count: int) -> list[bytes]: ...


class RedisRequestLog(RequestLog):
    """Of one institution, under its own prefix."""

    def __init__(self, cache: Streams, clock: Clock) -> None:
        self._cache = cache
        self._clock = clock

    async def append(self, lines: Sequence[RequestLine]) -> None:
        by_merchant = defaultdict[str, list[bytes]](list)
        everybody = []
        for line in lines:
            written = _encode(line)
            everybody.append(written)
            if line.merchant_id is not None:
                by_merchant[_of(line.merchant_id)].append(written)

        ttl_seconds = int(KEPT.total_seconds())
        await self._cache.append(
            {_EVERYBODY: everybody},
            length_max=OF_INSTITUTION_MAX,
            bytes_max=OF_INSTITUTION_BYTES_MAX,
            ttl_seconds=ttl_seconds,
        )
        await self._cache.append(
            by_merchant,
            length_max=OF_MERCHANT_MAX,
            bytes_max=OF_MERCHANT_BYTES_MAX,
            ttl_seconds=ttl_seconds,
        )

    async def of_merchant(self, merchant_id: str) -> Sequence[RequestLine]:
        return await self._read(await self._cache.newest(_of(merchant_id), OF_MERCHANT_MAX))

    async def of_institution(self) -> Sequence[RequestLine]:
        return await self._read(await self._cache.newest(_EVERYBODY, OF_INSTITUTION_MAX))

    async def _read(self, written: Sequence[bytes]) -> list[RequestLine]:
        """What is not too old, and can be read: another version's lines hide no others."""
        since, lines = self._clock.now() - KEPT, list[RequestLine]()
        for place, one in enumerate(written):
            if place % BITE == 0:
                await trio.lowlevel.checkpoint()
            try:
                line = _decode(one)
            except msgspec.DecodeError as error:
                _log.warning("request_line_unreadable", error=str(error))
                continue
            if line.at >= since:
                lines.append(line)
        return lines


def _of(merchant_id: str) -> str:
    return f"requests:{merchant_id}"
