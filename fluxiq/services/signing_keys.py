"""The keys that sign an institution's access tokens. An institution has keys of its own: whoever
gets hold of one signs for nobody else.

A key is derived from the installation's secret for the period of `key_days` that it signs in, so
processes agree on it without telling each other, and rotation happens by itself. A token is read
under the key of the period that it was issued in: for as long as it lives, the old key is read
beside the new one.
"""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Struct

from fluxiq.settings.identity import Identity

EDDSA: Final = "EdDSA"
HS256: Final = "HS256"
SEED_BYTES: Final = 32
# Clocks of two processes differ, and at the turn of a period one of them is ahead.
SKEW: Final = timedelta(seconds=5)

_KID: Final = re.compile(r"([0-9A-Z]{8})\.(?:([0-9]{1,6})-([0-9]{1,6})|hs256)")
_DAY: Final = 86_400


class Verifier(Struct, frozen=True, kw_only=True):
    """A key and the only algorithm it is for."""

    algorithm: str
    key: Ed25519PublicKey | bytes


def ispb_of_kid(kid: str) -> str | None:
    """The institution whose key this would be; None when it is no key of ours."""
    match = _KID.fullmatch(kid)
    return None if match is None else match[1]


class SigningKeys:
    """Those of institution `ispb`. `derive` makes 32 secret bytes of a name, always the same."""

    def __init__(self, ispb: str, identity: Identity, derive: Callable[[str], bytes]) -> None:
        self._ispb = ispb
        self._identity = identity
        self._derive = derive
        self._known: dict[int, Ed25519PrivateKey] = {}

    def current(self, now: datetime) -> tuple[str, Ed25519PrivateKey]:
        """The kid and the key that sign now."""
        period = self._period(now)
        return f"{self._ispb}.{self._identity.key_series}-{period}", self._key(period)

    def verifier(self, kid: str, now: datetime) -> Verifier | None:
        """What reads tokens under `kid`; None for a key of others, of another series, or of a
        period whose tokens are over.
        """
        match = _KID.fullmatch(kid)
        if match is None or match[1] != self._ispb:
            return None

        if match[2] is None:
            secret = self._identity.hs256_secret
            return Verifier(algorithm=HS256, key=secret.encode()) if secret else None

        series, period = int(match[2]), int(match[3])
        if series != self._identity.key_series or period not in self._read(now):
            return None
        return Verifier(algorithm=EDDSA, key=self._key(period).public_key())

    def _read(self, now: datetime) -> frozenset[int]:
        """The periods in which a token may have been issued that lives now."""
        life = timedelta(seconds=self._identity.access_seconds) + SKEW
        return frozenset({self._period(now - life), self._period(now), self._period(now + SKEW)})

    def _period(self, at: datetime) -> int:
        return int(at.timestamp()) // (self._identity.key_days * _DAY)

    def _key(self, period: int) -> Ed25519PrivateKey:
        key = self._known.get(period)
        if key is None:
            seed = self._derive(f"{self._identity.key_series}-{period}")
            assert len(seed) == SEED_BYTES, "an Ed25519 key is made of 32 bytes"
            key = Ed25519PrivateKey.from_private_bytes(seed)
            # No more than those that are read now, or the table would grow with the years.
            self._known = {old: one for old, one in self._known.items() if old >= period - 2}
            self._known[period] = key
        return key
