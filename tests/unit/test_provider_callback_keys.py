"""Providers that sign with a key of their own: RSA and ECDSA against signatures made here."""

import base64
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from fluxiq.errors import StartRefused
from fluxiq.providers.callbacks import verification
from fluxiq.settings.providers import EcdsaSha256, RsaSha256
from tests.support.provider_links import BODY, accepts, call, refusal

RSA_KEY = rsa.generate_private_key(65537, 2048)
CURVE_KEY = ec.generate_private_key(ec.SECP256K1())
P256_KEY = ec.generate_private_key(ec.SECP256R1())


def pem(*keys: PublicKeyTypes) -> bytes:
    return b"".join(
        key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo) for key in keys
    )


def key_file(folder: Path, *keys: PublicKeyTypes) -> str:
    file = folder / "provider.pem"
    file.write_bytes(pem(*keys))
    return str(file)


# RSA.


def rsa_signed(body: bytes = BODY, key: rsa.RSAPrivateKey = RSA_KEY) -> str:
    return base64.b64encode(key.sign(body, padding.PKCS1v15(), hashes.SHA256())).decode()


@pytest.fixture
def rsa_scheme(tmp_path: Path) -> RsaSha256:
    return RsaSha256(public_key_file=key_file(tmp_path, RSA_KEY.public_key()))


def test_an_rsa_signature_over_the_body_is_believed(rsa_scheme: RsaSha256) -> None:
    accepts(rsa_scheme, call(x_webhook_signature=rsa_signed()))


def test_a_key_of_1024_bits_is_good_enough_since_woovi_has_one(tmp_path: Path) -> None:
    key = rsa.generate_private_key(65537, 1024)
    scheme = RsaSha256(public_key_file=key_file(tmp_path, key.public_key()))

    accepts(scheme, call(x_webhook_signature=rsa_signed(key=key)))


@pytest.mark.parametrize(
    "make",
    [
        lambda: "",
        lambda: rsa_signed(BODY + b" "),
        lambda: rsa_signed()[:-4],
        lambda: rsa_signed()[:-1],
        lambda: rsa_signed() + "\n",
        lambda: "ñ" + rsa_signed()[1:],
        lambda: rsa_signed().replace("=", ""),
        lambda: base64.b64encode(os.urandom(256)).decode(),
        lambda: "A" * 4_096,
        lambda: rsa_signed(key=rsa.generate_private_key(65537, 2048)),
        lambda: base64.b64encode(RSA_KEY.sign(BODY, padding.PKCS1v15(), hashes.SHA512())).decode(),
        lambda: base64.b64encode(
            RSA_KEY.sign(BODY, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
        ).decode(),
        lambda: RSA_KEY.sign(BODY, padding.PKCS1v15(), hashes.SHA256()).hex(),
    ],
)
def test_any_other_rsa_signature_is_refused(rsa_scheme: RsaSha256, make: Callable[[], str]) -> None:
    refusal(rsa_scheme, call(x_webhook_signature=make()))


def test_the_keys_of_a_rotation_are_both_good(tmp_path: Path) -> None:
    newer = rsa.generate_private_key(65537, 2048)
    path = key_file(tmp_path, newer.public_key(), RSA_KEY.public_key())

    for key in (RSA_KEY, newer):
        accepts(RsaSha256(public_key_file=path), call(x_webhook_signature=rsa_signed(key=key)))


# ECDSA.


def curve_signed(body: bytes = BODY, key: ec.EllipticCurvePrivateKey = CURVE_KEY) -> str:
    return base64.b64encode(key.sign(body, ec.ECDSA(hashes.SHA256()))).decode()


@pytest.mark.parametrize("key", [CURVE_KEY, P256_KEY])
def test_an_ecdsa_signature_on_either_curve_is_believed(
    tmp_path: Path, key: ec.EllipticCurvePrivateKey
) -> None:
    scheme = EcdsaSha256(public_key_file=key_file(tmp_path, key.public_key()))

    accepts(scheme, call(digital_signature=curve_signed(key=key)))
    refusal(scheme, call(body=BODY[:-1], digital_signature=curve_signed(key=key)))


@pytest.mark.parametrize(
    "make",
    [
        lambda: "",
        lambda: curve_signed(BODY[1:]),
        lambda: curve_signed()[:-4],
        lambda: curve_signed(key=P256_KEY),
        lambda: curve_signed(key=ec.generate_private_key(ec.SECP256K1())),
        lambda: base64.b64encode(CURVE_KEY.sign(BODY, ec.ECDSA(hashes.SHA1()))).decode(),
        # r and s without their DER: 64 bytes
        lambda: base64.b64encode(os.urandom(64)).decode(),
        # DER of r = s = 0
        lambda: base64.b64encode(bytes.fromhex("3006020100020100")).decode(),
        rsa_signed,
    ],
)
def test_any_other_ecdsa_signature_is_refused(tmp_path: Path, make: Callable[[], str]) -> None:
    scheme = EcdsaSha256(public_key_file=key_file(tmp_path, CURVE_KEY.public_key()))

    refusal(scheme, call(digital_signature=make()))


def test_starks_published_key_can_be_read(tmp_path: Path) -> None:
    file = tmp_path / "stark.pem"
    file.write_text(
        "-----BEGIN PUBLIC KEY-----\n"
        "MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEQA+bOEY57yQGYdcF0q7Ia/JPc0Hr8Il0\n"
        "/pbETwvDSM+7yCkqTPDRsdptMMaoK9UEXILOaXq9Ot5azrgQEcTetg==\n"
        "-----END PUBLIC KEY-----\n"
    )

    refusal(EcdsaSha256(public_key_file=str(file)), call(digital_signature=curve_signed()))


@pytest.mark.parametrize(
    ("scheme", "content"),
    [
        (RsaSha256, pem(CURVE_KEY.public_key())),
        (EcdsaSha256, pem(RSA_KEY.public_key())),
        (EcdsaSha256, pem(ec.generate_private_key(ec.SECP384R1()).public_key())),
        (EcdsaSha256, pem(ed25519.Ed25519PrivateKey.generate().public_key())),
        (RsaSha256, b"not a key"),
        (RsaSha256, b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"),
        (RsaSha256, pem(RSA_KEY.public_key()) * 5),
    ],
)
def test_a_key_of_the_wrong_kind_is_refused_at_the_start(
    tmp_path: Path, scheme: type[RsaSha256 | EcdsaSha256], content: bytes
) -> None:
    file = tmp_path / "provider.pem"
    file.write_bytes(content)

    with pytest.raises(StartRefused):
        verification(scheme(public_key_file=str(file)))
