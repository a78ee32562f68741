"""`ports.request_log.RequestLog` in memory; `away` makes every question fail."""

from collections.abc import Sequence

import trio

from fluxiq.domain.request_log import RequestLine
from fluxiq.errors import Unavailable
from fluxiq.ports.request_log import RequestLog


class MemoryRequestLog(RequestLog):
    def __init__(self) -> None:
        self.lines: list[RequestLine] = []
        self.away = False

    async def append(self, lines: Sequence[RequestLine]) -> None:
        await self._wait()
        self.lines.extend(lines)

    async def of_merchant(self, merchant_id: str) -> Sequence[RequestLine]:
        await self._wait()
        return [one for one in reversed(self.lines) if one.merchant_id == merchant_id]

    async def of_institution(self) -> Sequence[RequestLine]:
        await self._wait()
        return self.lines[::-1]

    async def _wait(self) -> None:
        await trio.lowlevel.checkpoint()
        if self.away:
            raise Unavailable("redis", "refused by the test")
