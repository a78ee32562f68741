"""What every answer tells browsers and caches, whoever made it; an endpoint may say otherwise.

Answers hold what is a merchant's own: nobody on the way keeps them, no page shows them as another
kind than they are, and none of them may load or run anything. See docs/security.md.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

CACHE_CONTROL: Final = "Cache-Control"
CONTENT_SECURITY_POLICY: Final = "Content-Security-Policy"
STRICT_TRANSPORT_SECURITY: Final = "Strict-Transport-Security"

# A year, as browsers' own lists ask for. Without `includeSubDomains`: the other names under the
# domain are not ours to promise for.
HSTS: Final = "max-age=31536000"

ALWAYS: Final[Mapping[str, str]] = MappingProxyType(
    {
        CACHE_CONTROL: "no-store",
        CONTENT_SECURITY_POLICY: "default-src 'none'; frame-ancestors 'none'",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
)


def security_headers(public_url: str) -> Mapping[str, str]:
    """Those of every answer of a platform that the world reaches at `public_url`.

    `Strict-Transport-Security` is for https alone (RFC 6797, 7.2), which somebody promises with the
    URL: an http answer of a platform behind its own TLS proxy still reaches the world as https.
    """
    if public_url.startswith("https://"):
        return MappingProxyType({**ALWAYS, STRICT_TRANSPORT_SECURITY: HSTS})
    return ALWAYS
