"""Schemes in which both sides know a secret: three HMACs, and a bare token.

The manifest and the token do not cover the body: who reads one call could speak in the provider's
name, for as long as the time in it is recent, or for ever. They are as good as the TLS under them.
"""

import hashlib
import hmac
from datetime import datetime
from urllib.parse import parse_qs

from fluxiq.ports import Callback
from fluxiq.providers.callbacks.proofs import (
    HEX_SHA256,
    Verify,
    invalid,
    require_recent,
    signed_at,
)
from fluxiq.providers.files import Reloaded, read_secrets
from fluxiq.settings.providers import HmacSha256, HmacSha256Body, ManifestHmac, StaticToken

Secrets = Reloaded[tuple[bytes, ...]]

QUERY_FIELDS_MAX = 32


def hmac_sha256(scheme: HmacSha256) -> Verify:
    """Hex over `timestamp.body`."""
    secrets = _secrets(scheme.secret_file)

    def verify(callback: Callback, now: datetime) -> None:
        time = callback.headers.get(scheme.timestamp_header, "")
        at = signed_at(time, scheme.timestamp_unit)
        said = callback.headers.get(scheme.signature_header, "")
        _require_hmac(secrets, b"%b.%b" % (time.encode(), callback.body), said)
        require_recent(at, now, scheme.window_seconds)

    return verify


def hmac_sha256_body(scheme: HmacSha256Body) -> Verify:
    """Hex over the body alone."""
    secrets = _secrets(scheme.secret_file)

    def verify(callback: Callback, now: datetime) -> None:
        del now  # nothing says when it was signed
        _require_hmac(secrets, callback.body, callback.headers.get(scheme.signature_header, ""))

    return verify


def manifest_hmac(scheme: ManifestHmac) -> Verify:
    """`ts=…,v1=…` over `id:…;request-id:…;ts:…;`, without the parts that the call does not have.

    Mercado Pago, "Notifications": the id comes from the query, and in lower case. Their older pages
    show `ts` in seconds, the newer ones in milliseconds: hence a setting.
    """
    secrets = _secrets(scheme.secret_file)

    def verify(callback: Callback, now: datetime) -> None:
        parts = _parts(callback.headers.get(scheme.signature_header, ""))
        at = signed_at(parts["ts"], scheme.timestamp_unit)
        named = (
            ("id", _query_value(callback.query, scheme.id_parameter).lower()),
            ("request-id", callback.headers.get(scheme.request_id_header, "")),
            ("ts", parts["ts"]),
        )
        manifest = "".join(f"{name}:{value};" for name, value in named if value)
        _require_hmac(secrets, manifest.encode(), parts["v1"])
        require_recent(at, now, scheme.window_seconds)

    return verify


def static_token(scheme: StaticToken) -> Verify:
    """The token itself in a header."""
    secrets = _secrets(scheme.token_file)

    def verify(callback: Callback, now: datetime) -> None:
        del now
        # Of equal length, or the time of comparing would tell how long the token is.
        said = hashlib.sha256(callback.headers.get(scheme.token_header, "").encode()).digest()
        known = [hashlib.sha256(secret).digest() for secret in secrets.get()]
        if not _any([hmac.compare_digest(one, said) for one in known]):
            raise invalid(f"{scheme.token_header} is not the token")

    return verify


def _secrets(path: str) -> Secrets:
    return Reloaded([path], lambda: read_secrets(path))


def _require_hmac(secrets: Secrets, message: bytes, said: str) -> None:
    if HEX_SHA256.fullmatch(said) is None:
        raise invalid("a signature must be 64 lower-case hexadecimal digits")

    known = [hmac.digest(secret, message, "sha256").hex() for secret in secrets.get()]
    if not _any([hmac.compare_digest(one, said) for one in known]):
        raise invalid("the signature does not fit what was sent")


def _any(matches: list[bool]) -> bool:
    """All were compared before this is asked: the time does not tell which one fits."""
    return any(matches)


def _parts(header: str) -> dict[str, str]:
    """`ts` and `v1` of `ts=…,v1=…`, each there once; what else may stand there does not count."""
    pairs = [part.strip().partition("=") for part in header.split(",", 8)]
    found = {name: [value for one, _, value in pairs if one == name] for name in ("ts", "v1")}
    if any(len(values) != 1 for values in found.values()):
        raise invalid("the signature must be `ts=…,v1=…`")
    return {name: values[0] for name, values in found.items()}


def _query_value(query: str, name: str) -> str:
    """The one value of a parameter; empty when it is not there."""
    try:
        values = parse_qs(query, max_num_fields=QUERY_FIELDS_MAX).get(name, [])
    except ValueError:
        raise invalid("the query has too many parameters") from None
    if len(values) > 1:
        raise invalid(f"the query says {name} more than once")
    return values[0] if values else ""
