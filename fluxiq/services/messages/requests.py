"""Requests as they are remembered, for whoever looks for what went wrong."""

from datetime import datetime

from msgspec import Struct

from fluxiq.domain.request_log import RequestLine


class RequestView(Struct, frozen=True, kw_only=True):
    """`id` is what the answer said in `X-Request-Id`; `address` is the client's network, not the
    client; `actor` an API key or a user. `idempotency_key` is that of the header. What a request or
    its answer said is not kept.
    """

    id: str
    at: datetime
    method: str
    path: str
    status: int
    error_code: str | None
    milliseconds: float
    actor: str
    merchant_id: str | None
    address: str
    idempotency_key: str | None


def request_view(line: RequestLine) -> RequestView:
    return RequestView(
        id=line.id,
        at=line.at,
        method=line.method,
        path=line.path,
        status=line.status,
        error_code=line.error_code,
        milliseconds=line.microseconds / 1000,
        actor=line.actor,
        merchant_id=line.merchant_id,
        address=line.address,
        idempotency_key=line.idempotency_key,
    )
