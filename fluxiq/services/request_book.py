"""Requests on their way into the log: noted as they are answered, written a moment later.

A request costs an append to a list and waits for nothing. What there is no room for, and what Redis
would not take, is dropped and counted: the log helps people find their mistakes, it proves nothing.
"""

import re
from collections import deque
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import trio
from msgspec.structs import replace

from fluxiq.domain.request_log import RequestLine, masked_address
from fluxiq.errors import Unavailable
from fluxiq.ports.request_log import RequestLog
from fluxiq.telemetry.redaction import redact_text

WAITING_MAX: Final = 10_000
BATCH: Final = 500
GATHER_SECONDS: Final = 0.25
BITE: Final = 50  # lines masked in one go: a millisecond

# A path of words and of ids that we gave: most are, and need no search for people.
_NOBODY: Final = re.compile(r"(?:/(?:v1|[a-z-]+|[a-z]{2,4}_[0-9A-HJKMNP-TV-Z]{26}))+")
_network_of: Final = lru_cache(maxsize=4096)(masked_address)


class RequestBook:
    """`dropped` counts since the start."""

    def __init__(self) -> None:
        self._lines: deque[RequestLine] = deque()
        self._some, self._many = trio.Event(), trio.Event()
        self.dropped = 0

    def note(self, line: RequestLine) -> None:
        waiting = len(self._lines)
        if waiting >= WAITING_MAX:
            self.dropped += 1
            return
        self._lines.append(line)
        if waiting == 0:
            self._some.set()
        elif waiting == BATCH - 1:
            self._many.set()

    async def gathered(self) -> None:
        """Wait until there is something, and then for more: GATHER_SECONDS, or until BATCH."""
        await self._some.wait()
        with trio.move_on_after(GATHER_SECONDS):
            await self._many.wait()

    async def write(self, log: RequestLog) -> None:
        """Write BATCH lines at most, masked. Raises Unavailable, and then they are gone."""
        batch = [self._lines.popleft() for _ in range(min(BATCH, len(self._lines)))]
        self._some, self._many = trio.Event(), trio.Event()
        if self._lines:
            self._some.set()
        if len(self._lines) >= BATCH:
            self._many.set()
        try:
            await log.append(await _masked_all(batch))
        except Unavailable:
            self.dropped += len(batch)
            raise


async def _masked_all(batch: Sequence[RequestLine]) -> list[RequestLine]:
    lines = []
    for place, line in enumerate(batch):
        if place % BITE == 0:
            await trio.lowlevel.checkpoint()
        lines.append(_masked(line))
    return lines


def _masked(line: RequestLine) -> RequestLine:
    """Without people: who calls may have put one into a path, or into a key of their own."""
    key = line.idempotency_key
    return replace(
        line,
        path=_masked_path(line.path),
        address=_network_of(line.address),
        idempotency_key=None if key is None else redact_text(key),
    )


def _masked_path(path: str) -> str:
    """Word by word, so that the words around a person stay."""
    if _NOBODY.fullmatch(path):
        return path
    return "/".join(redact_text(word) for word in path.split("/"))
