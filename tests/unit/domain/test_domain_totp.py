"""One-time codes: RFC 6238's own vectors, another implementation, and one use of each."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxiq.domain.totp import (
    DRIFT_STEPS,
    STEP_SECONDS,
    code_of,
    matching_step,
    otpauth_uri,
    secret_text,
    step_at,
)

# RFC 6238, appendix B: SHA-1, eight digits.
RFC_SECRET = b"12345678901234567890"
VECTORS = {
    59: "94287082",
    1111111109: "07081804",
    1111111111: "14050471",
    1234567890: "89005924",
    2000000000: "69279037",
    20000000000: "65353130",
}
NOW = datetime(2026, 11, 22, 12, 0, 10, tzinfo=UTC)


@pytest.mark.parametrize(("seconds", "code"), VECTORS.items())
def test_codes_are_those_of_the_rfc(seconds: int, code: str) -> None:
    at = datetime.fromtimestamp(seconds, UTC)
    assert code_of(RFC_SECRET, step_at(at), digits=8) == code
    assert code_of(RFC_SECRET, step_at(at)) == code[2:]


@given(st.binary(min_size=20, max_size=20), st.integers(0, 2**40))
def test_codes_are_those_of_another_implementation(secret: bytes, step: int) -> None:
    peer = pyotp.TOTP(secret_text(secret))
    assert code_of(secret, step) == peer.generate_otp(step)


@pytest.mark.parametrize("steps", range(-DRIFT_STEPS - 1, DRIFT_STEPS + 2))
def test_a_clock_may_be_half_a_minute_off(steps: int) -> None:
    code = code_of(RFC_SECRET, step_at(NOW) + steps)
    found = matching_step(RFC_SECRET, code, NOW, None)
    assert found == (step_at(NOW) + steps if abs(steps) <= DRIFT_STEPS else None)


def test_a_code_is_good_once_and_the_next_one_again() -> None:
    step, code = step_at(NOW), code_of(RFC_SECRET, step_at(NOW))
    assert matching_step(RFC_SECRET, code, NOW, step - 1) == step
    assert matching_step(RFC_SECRET, code, NOW, step) is None

    later = NOW + timedelta(seconds=STEP_SECONDS)
    assert matching_step(RFC_SECRET, code, later, step) is None
    assert matching_step(RFC_SECRET, code_of(RFC_SECRET, step + 1), later, step) == step + 1


@pytest.mark.parametrize(
    "said", ["000000", "", "abcdef", "\uff19\uff14\uff12\uff18\uff17\uff10", "12345678"]
)
def test_what_is_no_code_is_wrong(said: str) -> None:
    assert code_of(RFC_SECRET, step_at(NOW)) != said
    assert matching_step(RFC_SECRET, said, NOW, None) is None


def test_an_app_reads_the_uri() -> None:
    uri = otpauth_uri(RFC_SECRET, issuer="Banco Aurora", account="José: caixa")
    parsed = pyotp.parse_uri(uri)
    assert isinstance(parsed, pyotp.TOTP)
    assert (parsed.issuer, parsed.name) == ("Banco Aurora", "José  caixa")
    assert parsed.at(int(NOW.timestamp())) == code_of(RFC_SECRET, step_at(NOW))
    assert parse_qs(urlsplit(uri).query)["period"] == ["30"]
