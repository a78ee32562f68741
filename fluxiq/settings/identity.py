"""The section `[identity]`: people's passwords, sessions and tokens (docs/identity.md)."""

from typing import Annotated

from msgspec import Meta, Struct

from fluxiq.settings.words import Count, Seconds

# RFC 7518, 3.2: a key as long as the hash. An empty text reads no HS256 at all.
LONG_OR_EMPTY = r"^(?:.{32,})?$"


class Identity(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`argon2_…` are RFC 9106's parameters, memory in KiB. Signing keys are derived, one for each
    `key_days`; another `key_series` is another row of keys.
    """

    issuer: Annotated[str, Meta(min_length=1)]
    audience: Annotated[str, Meta(min_length=1)]
    access_seconds: Annotated[int, Meta(ge=60, le=3600)]
    refresh_seconds: Seconds
    session_seconds_max: Seconds
    key_days: Count
    key_series: Count
    hs256_secret: Annotated[str, Meta(pattern=LONG_OR_EMPTY)]
    argon2_memory_kib: Annotated[int, Meta(ge=8)]
    argon2_passes: Count
    argon2_lanes: Count
    lock_after_failures: Count
    lock_seconds: Seconds
    lock_seconds_max: Seconds
    failure_seconds: Annotated[float, Meta(ge=0, le=5)]
    one_time_seconds: Seconds
    web_origins: tuple[Annotated[str, Meta(pattern=r"^https?://[a-z0-9.:\[\]-]+$")], ...]
