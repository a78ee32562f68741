"""What can go wrong, in three families; what to do next depends on the family alone.

*Refused*: the answer is no, and stays no. *Unavailable*: nothing was done, so ask again later.
*Unknown*: it may have been done; repeat it with the same `idempotency_key`, never with another.
"""

from collections.abc import Mapping
from typing import Any


class ApiError(Exception):
    """Base of every failed call.

    `code` is one of the API's catalogue, or ours where the API did not speak: `connection_failed`,
    `timed_out`, `answer_unreadable`, `http_<status>`. `status` is None without an answer,
    `request_id` (`req_…`) what to quote to support, `retry_after` in seconds, `attempts` how often
    it was tried, `idempotency_key` what it was sent with.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: int | None = None,
        details: Mapping[str, Any] | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        attempts: int = 1,
        idempotency_key: str | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.details: dict[str, Any] = dict(details or {})
        self.request_id = request_id
        self.retry_after = retry_after
        self.attempts = attempts
        self.idempotency_key = idempotency_key

    @property
    def field(self) -> str | None:
        """Which field of the request is at fault: `recipient.pix_key`."""
        return self.details.get("field")

    def __str__(self) -> str:
        where = f" ({self.field})" if self.field is not None else ""
        request = f" [{self.request_id}]" if self.request_id is not None else ""
        return f"{self.code}{where}: {self.message}{request}"


class Refused(ApiError):
    """The request cannot be granted; the same request will be refused again."""


class Unauthorized(Refused):
    """The API key opens nothing: wrong, revoked or expired (401)."""


class Forbidden(Refused):
    """The API key may not do this, or its holder may not (403)."""


class NotFound(Refused):
    """There is no such thing, or it is somebody else's (404)."""


class Conflict(Refused):
    """What is asked does not fit the state that things are in (409)."""


class Unavailable(ApiError):
    """No answer was to be had; nothing was done. Ask again after `retry_after`."""


class RateLimited(Unavailable):
    """The API key's allowance of this minute is used up (429)."""


class Unknown(ApiError):
    """It may have been done, or not: repeat it with the same `idempotency_key`, or ask for it."""


class SignatureInvalid(Exception):
    """This webhook is not from the platform, or is not from now: answer 400 or 401, do nothing."""
