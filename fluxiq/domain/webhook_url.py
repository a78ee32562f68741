"""Where a merchant's URL leads: the parts that a request needs, once the URL is one we post to."""

from urllib.parse import SplitResult, urlsplit

from msgspec import Struct

from fluxiq.errors import Refused

_PORTS = {"http": 80, "https": 443}


class Place(Struct, frozen=True, kw_only=True):
    """Where a URL leads; `host` is ASCII (IDNA), `target` is path and query."""

    is_secure: bool
    host: str
    port: int
    host_header: str
    target: str


def parse_webhook_url(url: str, *, allow_http: bool, field: str = "url") -> Place:
    """Raises Refused `webhook_url_invalid`: also for a password, which would be logged, and for a
    fragment, which would never be sent.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
        host = (parts.hostname or "").encode("idna").decode()
    except ValueError as error:
        raise _invalid(f"this is no url: {error}", field) from None

    schemes = {"http", "https"} if allow_http else {"https"}
    if parts.scheme not in schemes:
        raise _invalid(f"the url must begin with {' or '.join(sorted(schemes))}://", field)
    if not host or port == 0:
        raise _invalid("the url names no host to post to", field)
    if "@" in parts.netloc:
        raise _invalid("the url may not hold a user or a password", field)
    if "#" in url:
        raise _invalid("the url may not have a fragment", field)
    return _place(parts, host, port)


def _place(parts: SplitResult, host: str, port: int | None) -> Place:
    shown = f"[{host}]" if ":" in host else host
    return Place(
        is_secure=parts.scheme == "https",
        host=host,
        port=port or _PORTS[parts.scheme],
        host_header=shown if port is None else f"{shown}:{port}",
        target=_target(parts),
    )


def _target(parts: SplitResult) -> str:
    """Path and query, with what may not stand in a request line escaped."""
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return "".join(
        one if one.isascii() and one.isprintable() and one != " " else _escaped(one)
        for one in target
    )


def _escaped(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode())


def _invalid(message: str, field: str) -> Refused:
    return Refused("webhook_url_invalid", message, field=field)
