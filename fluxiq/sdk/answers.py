"""What a response says, as one of the errors of this package."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import msgspec
from msgspec import Struct

from fluxiq.sdk.errors import (
    ApiError,
    Conflict,
    Forbidden,
    NotFound,
    RateLimited,
    Refused,
    Unauthorized,
    Unavailable,
)

REQUEST_ID: Final = "X-Request-Id"
NOT_OURS: Final = "http_"  # begins the codes of answers that the API did not give
IN_PROGRESS: Final = "idempotency_in_progress"  # the first attempt is still at work

# These come before the request is looked at, so they say nothing of an earlier attempt.
_AT_THE_DOOR = frozenset(
    {"unauthorized", "forbidden", "address_not_allowed", "rate_limited", "request_timeout"}
)
_NOTHING_DONE = frozenset({"unavailable", "ledger_unavailable", "ledger_degraded"})
_RATE_LIMITED = 429
_SERVER = 500
_REFUSALS: Mapping[int, type[Refused]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP response, read to its end."""

    status: int
    headers: Mapping[str, str]  # looked up without regard to case
    body: bytes

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300  # noqa: PLR2004 - as HTTP has it


def error_of(answer: Answer) -> ApiError:
    """What an answer that is no success says."""
    try:
        said = _decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError):  # a proxy's page
        code = f"{NOT_OURS}{answer.status}"
        message = f"answered {answer.status} without an error of the API"
        said = _Envelope(error=_Error(code=code, message=message))

    return _kind_of(answer.status)(
        said.error.code,
        said.error.message,
        status=answer.status,
        details=said.error.details,
        request_id=said.meta.request_id or answer.headers.get(REQUEST_ID),
        retry_after=_retry_after(answer.headers),
    )


def unreadable(answer: Answer, why: Exception) -> Unavailable:
    """A success, but nobody knows of what."""
    return Unavailable(
        "answer_unreadable",
        f"answered {answer.status}, but not what the API promises: {why}",
        status=answer.status,
        request_id=answer.headers.get(REQUEST_ID),
    )


def may_have_been_done(error: ApiError) -> bool:
    """Whether a write that was answered so may have been carried out, or still is."""
    if error.code == IN_PROGRESS:
        return True
    return (error.status or 0) >= _SERVER and error.code not in _NOTHING_DONE


def is_final(error: ApiError) -> bool:
    """Whether this is a last word on the request itself, and so on every attempt at it."""
    if not isinstance(error, Refused) or error.code.startswith(NOT_OURS):
        return False
    return error.code != IN_PROGRESS and error.code not in _AT_THE_DOOR


class _Error(Struct, frozen=True):
    code: str
    message: str
    details: dict[str, Any] = {}


class _Meta(Struct, frozen=True):
    request_id: str | None = None


class _Envelope(Struct, frozen=True):
    error: _Error
    meta: _Meta = _Meta()


_decode = msgspec.json.Decoder(_Envelope).decode


def _kind_of(status: int) -> type[ApiError]:
    if status == _RATE_LIMITED:
        return RateLimited
    if status >= _SERVER:
        return Unavailable
    return _REFUSALS.get(status, Refused)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """In seconds, from seconds or a date; None where the header makes no sense."""
    said = headers.get("Retry-After")
    if said is None:
        return None
    try:
        seconds = float(said)
    except ValueError:
        try:
            at = parsedate_to_datetime(said)
        except ValueError:
            return None
        at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
        seconds = (at - datetime.now(UTC)).total_seconds()
    return max(0.0, seconds) if math.isfinite(seconds) else None
