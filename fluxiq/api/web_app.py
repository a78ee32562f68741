"""A built web app (fluxiq/ui) as an ASGI application: its files from memory, and its page for every
path that is none of them.

Read whole at the start: a build is two megabytes, and nothing that a request says ever becomes the
name of a file. What the build compressed is sent compressed.
"""

import hashlib
import json
import mimetypes
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct
from quart import request
from quart_trio import QuartTrio
from quart_trio.wrappers import TrioResponse

from fluxiq.api.security_headers import CACHE_CONTROL, CONTENT_SECURITY_POLICY, security_headers
from fluxiq.errors import StartRefused

PAGE: Final = "index.html"
CONFIG: Final = "config.json"  # where the app finds the API: said by whoever serves it
ASSETS: Final = "assets/"  # whose names change with their content

_FOREVER: Final = "public, max-age=31536000, immutable"
_ASK_FIRST: Final = "no-cache"
# In the order in which we would rather send them.
_ENCODINGS: Final = ((".br", "br"), (".gz", "gzip"))
_COMPRESSED: Final = tuple(suffix for suffix, _ in _ENCODINGS)


class File(Struct, frozen=True, kw_only=True):
    """`bodies` by content encoding; "" is the file as it is."""

    content_type: str
    etag: str
    cache_control: str
    bodies: Mapping[str, bytes]


def read_build(folder: Path) -> dict[str, File]:
    """The files of a build by their path. Raises StartRefused where there is none."""
    if not (folder / PAGE).is_file():
        raise StartRefused(f"{folder} has no built app: run `make ui`, or set FLUXIQ_WEB__ENABLED")
    return {
        path.relative_to(folder).as_posix(): _read(path, path.relative_to(folder).as_posix())
        for path in _plain_files(folder)
    }


def create_web_app(
    files: Mapping[str, File], public_url: str, api_at: Callable[[str], str]
) -> QuartTrio:
    """`api_at` tells the API's URL for a page that was asked for at a host (`Host`, as sent)."""
    app = QuartTrio("fluxiq_web", static_folder=None, template_folder=None)
    always = security_headers(public_url)

    async def answer(path: str = PAGE) -> TrioResponse:
        api = api_at(request.host)
        headers = {**always, CONTENT_SECURITY_POLICY: policy(api), "Vary": "Accept-Encoding"}
        if path == CONFIG:
            body = json.dumps({"api": api}).encode()
            headers[CACHE_CONTROL] = _ASK_FIRST
            return TrioResponse(body, 200, headers | {"Content-Type": "application/json"})

        found = files.get(path)
        if found is None and (path.startswith(ASSETS) or "." in path.rpartition("/")[2]):
            return TrioResponse(b"not found\n", 404, headers | {"Content-Type": "text/plain"})
        return _file_response(found or files[PAGE], headers)

    for name, rule in (("page", "/"), ("file", "/<path:path>")):
        app.add_url_rule(rule, name, answer, methods=["GET"], provide_automatic_options=False)
    return app


def policy(api: str) -> str:
    """The page runs what its own origin sent, and talks to that and the API. `data:` and `blob:`
    are pictures of codes, and files that the page itself made for the visitor to keep.
    """
    socket = api.replace("http", "ws", 1)
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; "
        f"img-src 'self' data: blob:; manifest-src 'self'; connect-src 'self' {api} {socket}; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )


def _file_response(file: File, headers: dict[str, str]) -> TrioResponse:
    headers |= {
        "Content-Type": file.content_type,
        "ETag": file.etag,
        CACHE_CONTROL: file.cache_control,
    }
    if file.etag in request.if_none_match:
        return TrioResponse(b"", 304, headers)

    for _, encoding in _ENCODINGS:
        if encoding in file.bodies and request.accept_encodings[encoding] > 0:
            return TrioResponse(
                file.bodies[encoding], 200, headers | {"Content-Encoding": encoding}
            )
    return TrioResponse(file.bodies[""], 200, headers)


def _plain_files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        # `.vite` has what the build says of itself, for us and nobody else.
        if path.is_file() and path.suffix not in _COMPRESSED and ".vite" not in path.parts:
            yield path


def _read(path: Path, name: str) -> File:
    body = path.read_bytes()
    bodies = {"": body}
    for suffix, encoding in _ENCODINGS:
        packed = path.with_name(path.name + suffix)
        if packed.is_file():
            bodies[encoding] = packed.read_bytes()
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return File(
        content_type=f"{kind}; charset=utf-8" if kind.startswith("text/") else kind,
        etag=hashlib.sha256(body).hexdigest()[:32],
        cache_control=_FOREVER if name.startswith(ASSETS) else _ASK_FIRST,
        bodies=bodies,
    )
