"""The API's own description: `/openapi.json` for machines, `/docs` for people, from our origin.

The page is ours and loads nothing from elsewhere: what integrators see must not depend on, or be
read by, somebody else's servers.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from typing import Any, Final

import trio

from fluxiq.api.contract import JSON, PUBLIC, Call, Endpoint, Rate, Reply, Routes
from fluxiq.api.openapi.document import render
from fluxiq.api.security_headers import CACHE_CONTROL, CONTENT_SECURITY_POLICY

ASSETS: Final = files("fluxiq.api") / "assets"
HTML: Final = "text/html; charset=utf-8"
CSS: Final = "text/css; charset=utf-8"
JAVASCRIPT: Final = "text/javascript; charset=utf-8"

# `no-cache` means: ask each time whether it has changed.
_HEADERS: Final = {CACHE_CONTROL: "no-cache"}
_PAGE_HEADERS: Final = {
    CONTENT_SECURITY_POLICY: "default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
}


class Page:
    """Bytes that are made once, when they are first asked for, and not sent to who has them."""

    def __init__(
        self, make: Callable[[], bytes], content_type: str, headers: Mapping[str, str]
    ) -> None:
        self._make = make
        self._content_type = content_type
        self._headers = headers
        self._lock = trio.Lock()
        self._reply: Reply | None = None

    async def answer(self, call: Call) -> Reply:
        """The whole page, or 304 to a caller whose `If-None-Match` names it."""
        async with self._lock:
            if self._reply is None:
                self._reply = self._finish(await trio.to_thread.run_sync(self._make))
        tag = self._reply.headers["ETag"]
        known = call.headers.get("If-None-Match", "")
        if tag in {one.strip().removeprefix("W/") for one in known.split(",")}:
            return Reply(body=b"", status=304, headers=self._reply.headers)
        return self._reply

    def _finish(self, body: bytes) -> Reply:
        tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        headers = {**_HEADERS, **self._headers, "ETag": tag}
        return Reply(body=body, headers=headers, content_type=self._content_type)


def endpoints(others: Sequence[Endpoint]) -> list[Endpoint]:
    """`/openapi.json`, `/docs` and what the page loads; `others` are the rest of the API."""
    routes = Routes("")
    public: Any = {"permission": PUBLIC, "rate": Rate.NONE, "also": {304: None}}

    document = Page(lambda: render([*others, *routes.endpoints]), JSON, {})
    page, style, script = (
        Page((ASSETS / name).read_bytes, content_type, _PAGE_HEADERS)
        for name, content_type in (
            ("docs.html", HTML),
            ("docs.css", CSS),
            ("docs.js", JAVASCRIPT),
        )
    )

    @routes.get("/openapi.json", reply=dict[str, Any], **public)
    async def show_openapi(call: Call) -> Reply:
        """This document."""
        return await document.answer(call)

    @routes.get("/docs", reply=None, media=(HTML,), **public)
    async def show_docs(call: Call) -> Reply:
        """This document, for people."""
        return await page.answer(call)

    @routes.get("/docs/docs.css", reply=None, media=(CSS,), **public)
    async def show_docs_style(call: Call) -> Reply:
        """The page's style."""
        return await style.answer(call)

    @routes.get("/docs/docs.js", reply=None, media=(JAVASCRIPT,), **public)
    async def show_docs_script(call: Call) -> Reply:
        """The page's program."""
        return await script.answer(call)

    return routes.endpoints
