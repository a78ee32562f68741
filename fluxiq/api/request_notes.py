"""What the door notes of a request for the request log (`services.request_book`)."""

from datetime import datetime
from typing import Final

from quart import Request

from fluxiq.api.contract import IDEMPOTENCY_KEY, Endpoint
from fluxiq.domain.request_log import RequestLine
from fluxiq.services.authenticate import Caller

# Whoever watches the log would fill it with their own looking.
_LOGS: Final = ("/api/v1/requests", "/api/v1/institution/requests")
_KEY_CHARACTERS_MAX: Final = 255


def is_noted(endpoint: Endpoint) -> bool:
    return not endpoint.path.startswith(_LOGS)


def note(
    endpoint: Endpoint,
    request: Request,
    caller: Caller,
    *,
    request_id: str,
    address: str,
    at: datetime,
    status: int,
    error_code: str | None,
    seconds: float,
) -> None:
    """Only of callers that are known: a request of nobody is nobody's to look up."""
    key = request.headers.get(IDEMPOTENCY_KEY) if endpoint.takes_key else None
    caller.tenant.request_book.note(
        RequestLine(
            id=request_id,
            at=at,
            method=endpoint.method,
            path=request.path,
            status=status,
            error_code=error_code,
            microseconds=int(seconds * 1_000_000),
            actor=caller.actor,
            merchant_id=caller.belongs_to,
            address=address,
            idempotency_key=key if key is None else key[:_KEY_CHARACTERS_MAX],
        )
    )
