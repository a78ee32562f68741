"""Schemes in which the provider signs with a key of its own, over the body as it came.

The file has the provider's public keys in PEM, several while one is rotated.
"""

import re
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from fluxiq.errors import StartRefused
from fluxiq.ports import Callback
from fluxiq.providers.callbacks.proofs import Verify, bytes_of_base64, invalid
from fluxiq.providers.files import Reloaded, read
from fluxiq.settings.providers import EcdsaSha256, RsaSha256

K = TypeVar("K", rsa.RSAPublicKey, ec.EllipticCurvePublicKey)

KEYS_MAX = 4
# Woovi's published key has 1,024 bits: refusing it would refuse them.
RSA_BITS_MIN = 1_024
CURVES = ("secp256k1", "secp256r1")

_PEM = re.compile(rb"-----BEGIN PUBLIC KEY-----.+?-----END PUBLIC KEY-----", re.DOTALL)


def rsa_sha256(scheme: RsaSha256) -> Verify:
    """RSASSA-PKCS1-v1_5 with SHA-256 ("sha256WithRSAEncryption")."""
    keys = Reloaded([scheme.public_key_file], lambda: _rsa_keys(scheme.public_key_file))
    return _verify(
        keys,
        scheme.signature_header,
        lambda key, signature, body: key.verify(signature, body, padding.PKCS1v15(), SHA256()),
    )


def ecdsa_sha256(scheme: EcdsaSha256) -> Verify:
    """ECDSA with SHA-256, the signature in DER: Stark Bank's `Digital-Signature`, on secp256k1."""
    keys = Reloaded([scheme.public_key_file], lambda: _curve_keys(scheme.public_key_file))
    return _verify(
        keys,
        scheme.signature_header,
        lambda key, signature, body: key.verify(signature, body, ec.ECDSA(SHA256())),
    )


def _verify(
    keys: Reloaded[list[K]], header: str, check: Callable[[K, bytes, bytes], None]
) -> Verify:
    def verify(callback: Callback, now: datetime) -> None:
        del now  # nothing says when it was signed
        signature = bytes_of_base64(callback.headers.get(header, ""), header)
        for key in keys.get():
            try:
                check(key, signature, callback.body)
            except InvalidSignature:
                continue
            return
        raise invalid("the signature does not fit the body")

    return verify


def _rsa_keys(path: str) -> list[rsa.RSAPublicKey]:
    keys = []
    for key in _keys(path):
        if not isinstance(key, rsa.RSAPublicKey) or key.key_size < RSA_BITS_MIN:
            raise StartRefused(f"{path} has a key that is not RSA of {RSA_BITS_MIN} bits or more")
        keys.append(key)
    return keys


def _curve_keys(path: str) -> list[ec.EllipticCurvePublicKey]:
    keys = []
    for key in _keys(path):
        if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name not in CURVES:
            raise StartRefused(f"{path} has a key that is on none of {', '.join(CURVES)}")
        keys.append(key)
    return keys


def _keys(path: str) -> list[PublicKeyTypes]:
    """The public keys in a file. Raises StartRefused."""
    blocks = _PEM.findall(read(path))
    if not 1 <= len(blocks) <= KEYS_MAX:
        raise StartRefused(f"{path} must have 1 to {KEYS_MAX} public keys in PEM")
    try:
        return [load_pem_public_key(block) for block in blocks]
    except (ValueError, UnsupportedAlgorithm) as error:
        raise StartRefused(f"{path} has a public key that cannot be read: {error}") from None
