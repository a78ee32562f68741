"""Signatures of the audit trail's seals: Ed25519 (RFC 8032), by a key of the institution.

A key is known by the first 16 hex digits of the SHA-256 of its public half. Who verifies brings the
public keys along: one that lies beside the seals proves nothing.
"""

from collections.abc import Iterable
from hashlib import sha256
from typing import Final, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec.structs import replace

from fluxiq.domain.audit import Seal, seal_bytes

KEY_BYTES: Final = 32
_KEY_ID_DIGITS: Final = 16


def key_id_of(public: bytes) -> str:
    """The name of the key whose public half is these 32 bytes."""
    return sha256(public).hexdigest()[:_KEY_ID_DIGITS]


class SealingKey:
    """The private half: made of 32 secret bytes."""

    def __init__(self, secret: bytes) -> None:
        assert len(secret) == KEY_BYTES, "an Ed25519 key is 32 bytes"
        self._private = Ed25519PrivateKey.from_private_bytes(secret)
        self.public = self._private.public_key().public_bytes_raw()
        self.id = key_id_of(self.public)

    def sign(self, ispb: str, seal: Seal) -> Seal:
        """`seal` with the name of this key, signed."""
        named = replace(seal, key_id=self.id, signature=b"")
        return replace(named, signature=self._private.sign(seal_bytes(ispb, named)))


class TrustedKeys:
    """Public keys that may have signed seals, by their names."""

    def __init__(self, publics: Iterable[bytes]) -> None:
        self._keys = {key_id_of(one): Ed25519PublicKey.from_public_bytes(one) for one in publics}

    @classmethod
    def of(cls, *keys: SealingKey) -> Self:
        return cls(key.public for key in keys)

    def knows(self, key_id: str) -> bool:
        return key_id in self._keys

    def signed(self, ispb: str, seal: Seal) -> bool:
        """Whether one of these keys, the one that it names, signed it as it is."""
        key = self._keys.get(seal.key_id)
        if key is None:
            return False
        try:
            key.verify(seal.signature, seal_bytes(ispb, seal))
        except InvalidSignature:
            return False
        return True
