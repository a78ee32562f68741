"""HMAC over `timestamp.body`: the provider's signature on its calls."""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest

from fluxiq.errors import Refused
from fluxiq.providers.signatures import HmacSignature

NOW = datetime(2026, 11, 22, 21, 0, tzinfo=UTC)
STAMP = str(int(NOW.timestamp()))
BODY = b'{"pix":[]}\xff'
STRATEGY = HmacSignature("the secret of both")


def signed(**changed: str) -> dict[str, str]:
    return {**STRATEGY.sign(BODY, NOW), **changed}


def test_the_signature_is_hex_hmac_sha256_of_timestamp_dot_body() -> None:
    expected = hmac.new(b"the secret of both", STAMP.encode() + b"." + BODY, hashlib.sha256)

    assert signed() == {"x-timestamp": STAMP, "x-signature": expected.hexdigest()}


@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_what_was_signed_within_five_minutes_is_believed(seconds: int) -> None:
    STRATEGY.verify(signed(), BODY, NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize("seconds", [-301, 301])
def test_a_replay_outside_the_window_is_refused(seconds: int) -> None:
    with pytest.raises(Refused, match="more than 300 s") as refused:
        STRATEGY.verify(signed(), BODY, NOW + timedelta(seconds=seconds))

    assert refused.value.code == "signature_invalid"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        signed(**{"x-signature": ""}),
        signed(**{"x-signature": "0" * 64}),
        signed(**{"x-signature": signed()["x-signature"].upper()}),
        signed(**{"x-signature": signed()["x-signature"][:-1] + "ñ"}),
        signed(**{"x-timestamp": ""}),
        signed(**{"x-timestamp": str(int(STAMP) + 1)}),
        signed(**{"x-timestamp": "٢" * 10}),
        HmacSignature("another secret").sign(BODY, NOW),
    ],
)
def test_anything_else_than_the_providers_own_signature_is_refused(
    headers: dict[str, str],
) -> None:
    with pytest.raises(Refused) as refused:
        STRATEGY.verify(headers, BODY, NOW)

    assert refused.value.code == "signature_invalid"


def test_one_changed_byte_of_the_body_is_refused() -> None:
    with pytest.raises(Refused, match="does not fit"):
        STRATEGY.verify(signed(), BODY + b" ", NOW)


def test_a_timestamp_in_milliseconds_is_refused_by_its_unit() -> None:
    with pytest.raises(Refused, match="unix seconds, and is milliseconds"):
        STRATEGY.verify(signed(**{"x-timestamp": f"{STAMP}000"}), BODY, NOW)


def test_an_empty_secret_is_a_bug() -> None:
    with pytest.raises(AssertionError):
        HmacSignature("")
