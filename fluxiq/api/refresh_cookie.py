"""The refresh token as a cookie, for web pages: no script can read it, and no other site's page can
have it used.

`SameSite=Strict` keeps other sites from sending it; `Origin` is checked as well, since a page on a
sibling domain is the same site. Not a double-submitted token: browsers send `Origin` with every
POST by themselves, there is nothing to hand out, and a sibling that can set cookies could set both
halves of a pair. A request without `Origin` is no browser's, and has no cookie to bring.

Each origin has a cookie of its own: browsers keep cookies by host, whatever the port, and whoever
signs in to one of the apps must not become who they are in another.
"""

import hashlib
from typing import Final

from werkzeug.datastructures import Headers
from werkzeug.http import dump_cookie, parse_cookie

from fluxiq.errors import Refused
from fluxiq.settings import Settings

PATH: Final = "/api/v1/auth"  # nothing else of the API ever sees it

_NAME: Final = "fluxiq-refresh"
_DIGITS: Final = 8  # of the origin's digest: told apart they must be, secret they are not


def cookie_name(settings: Settings, origin: str) -> str:
    """Over TLS with the prefix that keeps pages of http:// from setting it (RFC 6265bis, 4.1.3)."""
    return f"{_prefix(settings)}-{hashlib.sha256(origin.encode()).hexdigest()[:_DIGITS]}"


def set_cookie(settings: Settings, headers: Headers, token: str, seconds: int) -> str:
    """The header's value, for the page that sent `headers`; an empty `token` with 0 seconds forgets
    the cookie.
    """
    return dump_cookie(
        cookie_name(settings, headers.get("Origin", "")),
        token,
        max_age=seconds,
        path=PATH,
        secure=True,
        httponly=True,
        samesite="Strict",
    )


def token_in(settings: Settings, headers: Headers) -> str | None:
    """The cookie's token. Raises Refused("forbidden") when a page of others sends it."""
    cookies = parse_cookie(headers.get("Cookie"))
    if any(name.startswith(_prefix(settings)) for name in cookies):
        check_origin(settings, headers)
    return cookies.get(cookie_name(settings, headers.get("Origin", ""))) or None


def check_origin(settings: Settings, headers: Headers) -> None:
    """Raises Refused("forbidden") unless a page of ours asks: of the API's own host, or named in
    `[identity] web_origins`.
    """
    host = headers.get("Host", "")
    # A page of http:// on the host of an API behind TLS is whoever stands on the way to it.
    schemes = ("https",) if _is_behind_tls(settings) else ("https", "http")
    ours = {*settings.identity.web_origins, *(f"{scheme}://{host}" for scheme in schemes)}
    if headers.get("Origin") not in ours:
        raise Refused("forbidden", "cookies are for the institution's own pages: see Origin")


def _prefix(settings: Settings) -> str:
    return f"__Secure-{_NAME}" if _is_behind_tls(settings) else _NAME


def _is_behind_tls(settings: Settings) -> bool:
    return settings.http.public_url.startswith("https://")
