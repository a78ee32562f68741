"""Access tokens: JWTs (RFC 7519) as RFC 9068 and RFC 8725 want them, signed with EdDSA.

The signature is PyJWT's affair; what the claims must be is checked here, by our own clock. A token
says who somebody is; whether their session still lives is asked elsewhere (`session_watch`).
"""

import base64
import binascii
import hashlib
from collections import OrderedDict
from datetime import datetime
from typing import Final

import jwt
import msgspec
from msgspec import Struct

from fluxiq.domain.roles import Role
from fluxiq.services.signing_keys import EDDSA, SKEW, SigningKeys
from fluxiq.settings.identity import Identity

TYPE: Final = "at+jwt"  # RFC 9068: an ID token, or one of anybody's for anything, is not ours
CHARACTERS_MAX: Final = 4096  # ours have about 700
HEADER_CHARACTERS_MAX: Final = 256
PARTS: Final = 3
KNOWN_MAX: Final = 4096

_signatures: Final = jwt.PyJWS(algorithms=["EdDSA", "HS256"])


class Header(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`jku`, `jwk`, `x5u` and `crit` are fields that we do not know: nobody brings a key along."""

    alg: str
    kid: str
    typ: str


class Claims(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Times are seconds since 1970. `tenant_id` and `ispb` are the institution, whose id is its
    ISPB. `password_change`: the session opens nothing but the change of a password.
    """

    iss: str
    aud: str
    sub: str
    sid: str
    jti: str
    iat: int
    nbf: int
    exp: int
    tenant_id: str
    ispb: str
    roles: tuple[Role]
    permissions: tuple[str, ...]
    merchant_id: str | None = None
    password_change: bool = False


_decode_header = msgspec.json.Decoder(Header).decode
_decode_claims = msgspec.json.Decoder(Claims).decode


def header_of(text: str) -> Header | None:
    """What a token says of itself, believed by nobody yet; None when it is no token of ours. Its
    size is looked at first, so that nothing large is parsed.
    """
    if len(text) > CHARACTERS_MAX or not text.isascii() or text.count(".") != PARTS - 1:
        return None

    head = text.partition(".")[0]
    if len(head) > HEADER_CHARACTERS_MAX:
        return None

    try:
        return _decode_header(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except (binascii.Error, msgspec.DecodeError, UnicodeDecodeError):
        return None


class AccessTokens:
    """Issues and reads the tokens of institution `ispb`."""

    def __init__(self, ispb: str, identity: Identity, keys: SigningKeys) -> None:
        self._ispb = ispb
        self._identity = identity
        self._keys = keys
        # Tokens whose signature was found good, by SHA-256: 0.1 ms is saved on each request. All
        # else is asked each time.
        self._known: OrderedDict[bytes, Claims] = OrderedDict()

    def issue(self, claims: Claims, now: datetime) -> str:
        kid, key = self._keys.current(now)
        payload = msgspec.json.encode(claims)
        return _signatures.encode(payload, key, EDDSA, {"kid": kid, "typ": TYPE}, sort_headers=True)

    def read(self, text: str, header: Header, now: datetime) -> Claims | None:
        """The claims of a token that is good now; None for every other one. `header` is its own."""
        verifier = self._keys.verifier(header.kid, now)
        # The key says which algorithm it is for, never the token.
        if verifier is None or header.alg != verifier.algorithm or header.typ != TYPE:
            return None

        digest = hashlib.sha256(text.encode()).digest()
        claims = self._known.get(digest)
        if claims is None:
            try:
                payload = _signatures.decode(text, verifier.key, algorithms=[verifier.algorithm])
                claims = _decode_claims(payload)
            except (jwt.InvalidTokenError, msgspec.DecodeError, UnicodeDecodeError):
                return None
            self._remember(digest, claims)
        return claims if self._holds(claims, now) else None

    def _holds(self, claims: Claims, now: datetime) -> bool:
        at, skew = now.timestamp(), SKEW.total_seconds()
        return (
            claims.iss == self._identity.issuer
            and claims.aud == self._identity.audience
            and claims.ispb == claims.tenant_id == self._ispb
            and max(claims.nbf, claims.iat) <= at + skew
            and at < claims.exp <= claims.iat + self._identity.access_seconds
        )

    def _remember(self, digest: bytes, claims: Claims) -> None:
        self._known[digest] = claims
        if len(self._known) > KNOWN_MAX:
            self._known.popitem(last=False)
