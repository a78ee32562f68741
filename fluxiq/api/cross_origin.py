"""Which web pages' programs may read our answers (CORS, the Fetch standard): those of the origins
in `[identity] web_origins`, and nobody else's.

A page of another origin gets the same answer as ever, without the headers that would let its
program see it: browsers keep it from them, and credentials are refused by `refresh_cookie`.
"""

from collections.abc import Collection
from typing import Final

from quart import Quart, request
from quart_trio import QuartTrio
from quart_trio.wrappers import TrioResponse
from werkzeug.wrappers import Response

PREFLIGHT_SECONDS: Final = 7200  # what browsers remember at most (Chromium)

_METHODS: Final = "GET, HEAD, POST, PUT, PATCH, DELETE"
_ASKED: Final = "Authorization, Content-Type, Idempotency-Key, If-None-Match, X-Request-Id"
_TOLD: Final = (
    "Content-Disposition, ETag, Idempotency-Replayed, Retry-After, X-RateLimit-Limit, "
    "X-RateLimit-Policy, X-RateLimit-Remaining, X-RateLimit-Reset, X-Request-Id"
)


def admit_origins(app: QuartTrio, origins: Collection[str]) -> None:
    """Answers preflights, and tells browsers that programs of `origins` may read what we say."""
    if not origins:
        return

    async def answer_preflight() -> TrioResponse | None:
        if request.method != "OPTIONS" or "Access-Control-Request-Method" not in request.headers:
            return None
        if request.headers.get("Origin") not in origins:
            return None  # the stray's 405, which is a no
        headers = {
            "Access-Control-Allow-Methods": _METHODS,
            "Access-Control-Allow-Headers": _ASKED,
            "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
        }
        return TrioResponse(b"", 204, headers)

    async def admit(response: Response) -> Response:
        headers = response.headers
        headers.add("Vary", "Origin")  # a cache must not hand one page's answer to another's
        origin = request.headers.get("Origin")
        if origin in origins:
            headers["Access-Control-Allow-Origin"] = origin
            headers["Access-Control-Allow-Credentials"] = "true"
            headers["Access-Control-Expose-Headers"] = _TOLD
        return response

    Quart.before_request(app, answer_preflight)
    Quart.after_request(app, admit)
