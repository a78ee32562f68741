"""One call from its first attempt to its end, without I/O: what to do about an answer, or none.

    while True:
        step = exchange.answered(answer)  # or exchange.failed(error)
        if isinstance(step, Done): return step.value
        sleep(step.seconds)

Both clients are this loop around a socket. The rule: once an attempt may have been carried out,
only an answer that speaks of the request itself ends the doubt.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import httpx
import msgspec

from fluxiq.sdk.answers import (
    IN_PROGRESS,
    Answer,
    error_of,
    is_final,
    may_have_been_done,
    unreadable,
)
from fluxiq.sdk.errors import ApiError, NotFound, Unavailable, Unknown
from fluxiq.sdk.request import Request

T = TypeVar("T")

# 500 is not among them: what broke once on the same request will break again.
_AGAIN_STATUSES = frozenset({408, 429, 502, 503, 504})
# The request never left: no connection was had.
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)

_log = logging.getLogger("fluxiq.sdk")


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """How long one call insists. After attempt n it waits `pause_seconds` · 2ⁿ⁻¹, up to
    `pause_seconds_max`, of which a random half may be missing; or what Retry-After says and up to a
    tenth more. Nothing begins later than `patience_seconds` after the first attempt.
    """

    attempts_max: int = 5
    pause_seconds: float = 0.25
    pause_seconds_max: float = 8.0
    patience_seconds: float = 60.0

    def __post_init__(self) -> None:
        if self.attempts_max < 1:
            raise ValueError("attempts_max counts the first attempt too")

    def pause(self, attempt: int, jitter: float, retry_after: float | None) -> float:
        """Seconds after `attempt` (from 1); `jitter` is 0 to 1."""
        if retry_after is not None:
            return retry_after * (1.0 + 0.1 * jitter)
        backoff = min(self.pause_seconds_max, self.pause_seconds * 2.0 ** (attempt - 1))
        return backoff * (1.0 - 0.5 * jitter)


@dataclass(frozen=True, slots=True)
class Done(Generic[T]):
    value: T


@dataclass(frozen=True, slots=True)
class Again:
    """Send the same once more, in so many seconds."""

    seconds: float


class Exchange(Generic[T]):
    """`now` is a monotonic clock in seconds; `draw` gives 0 to 1."""

    def __init__(
        self,
        request: Request[T],
        retries: Retries,
        *,
        now: Callable[[], float],
        draw: Callable[[], float],
    ) -> None:
        self._request = request
        self._retries = retries
        self._now = now
        self._draw = draw
        self._began_at = now()
        self._attempts = 0
        self._in_doubt = False

    def answered(self, answer: Answer) -> Done[T] | Again:
        """Raises ApiError when it is over."""
        self._attempts += 1
        if answer.is_success:
            return self._read(answer)

        error = error_of(answer)
        if self._is_gone_already(error):
            return Done(self._request.read(b""))

        self._doubt(may_have_been_done(error))
        if answer.status in _AGAIN_STATUSES or error.code == IN_PROGRESS:
            return self._again(error)
        raise self._last_word(error)

    def failed(self, failure: httpx.RequestError) -> Again:
        """The attempt got no answer. Raises ApiError when it is over."""
        self._attempts += 1
        self._doubt(not isinstance(failure, _NEVER_SENT))
        code = "timed_out" if isinstance(failure, httpx.TimeoutException) else "connection_failed"
        error = Unavailable(code, f"no answer: {failure or type(failure).__name__}")
        error.__cause__ = failure
        return self._again(error)

    def _read(self, answer: Answer) -> Done[T]:
        try:
            return Done(self._request.read(answer.body))
        except (msgspec.DecodeError, UnicodeDecodeError) as why:
            self._doubt(True)
            raise self._last_word(unreadable(answer, why)) from why

    def _doubt(self, may_have_been_done: bool) -> None:
        self._in_doubt |= may_have_been_done and self._request.writes

    def _is_gone_already(self, error: ApiError) -> bool:
        """What an attempt without an answer may have deleted is not found: it is deleted."""
        is_delete = self._request.method == "DELETE"
        is_its = isinstance(error, NotFound) and is_final(error) and error.code != "route_not_found"
        return self._in_doubt and is_delete and is_its

    def _again(self, error: ApiError) -> Again:
        pause = self._retries.pause(self._attempts, self._draw(), error.retry_after)
        is_late = self._now() + pause > self._began_at + self._retries.patience_seconds
        if is_late or self._attempts >= self._retries.attempts_max:
            raise self._last_word(error)

        request, number = self._request, self._attempts + 1
        _log.info(
            "%s %s: %s; attempt %d in %.2f s", request.method, request.path, error, number, pause
        )
        return Again(pause)

    def _last_word(self, error: ApiError) -> ApiError:
        """`error`, or Unknown where that does not say what became of the attempts."""
        error.attempts, error.idempotency_key = self._attempts, self._request.idempotency_key
        if not self._in_doubt or is_final(error):
            return error

        how = "as it is" if error.idempotency_key is None else "with the same idempotency key"
        unknown = Unknown(
            error.code,
            f"it may have been done ({error.message}): repeat it {how}",
            status=error.status,
            details=error.details,
            request_id=error.request_id,
            retry_after=error.retry_after,
            attempts=error.attempts,
            idempotency_key=error.idempotency_key,
        )
        unknown.__cause__ = error
        return unknown
