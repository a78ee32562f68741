"""Where requests are remembered for a while: the last ones of each merchant, and of all."""

from collections.abc import Sequence
from typing import Protocol

from fluxiq.domain.request_log import RequestLine


class RequestLog(Protocol):
    """Of one institution. No record of ours: what is lost is lost. Methods raise Unavailable."""

    async def append(self, lines: Sequence[RequestLine]) -> None: ...

    async def of_merchant(self, merchant_id: str) -> Sequence[RequestLine]:
        """Its last requests, the newest first."""

    async def of_institution(self) -> Sequence[RequestLine]:
        """The last of everybody's, the newest first."""
