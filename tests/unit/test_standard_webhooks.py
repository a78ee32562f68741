"""Standard Webhooks: the published vector, what is refused, and when we try again."""

import base64

import pytest

from fluxiq.domain.standard_webhooks import ATTEMPT_DELAYS_SECONDS, retry_delay, sign, verify
from fluxiq.errors import Refused

# From the test suite of the published libraries.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE_ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
TIMESTAMP = 1614265330
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
OTHER_SECRET = "whsec_" + base64.b64encode(b"another key of some length").decode()


def check(
    *,
    secrets: tuple[str, ...] = (SECRET,),
    message_id: str = MESSAGE_ID,
    timestamp: str = str(TIMESTAMP),
    signature: str = SIGNATURE,
    body: bytes = BODY,
    now: int = TIMESTAMP,
) -> None:
    verify(
        secrets,
        message_id=message_id,
        timestamp=timestamp,
        signature=signature,
        body=body,
        now=now,
    )


def test_the_published_vector_is_what_we_sign() -> None:
    assert sign(SECRET, MESSAGE_ID, TIMESTAMP, BODY) == SIGNATURE


def test_what_we_sign_verifies() -> None:
    check(signature=sign(SECRET, MESSAGE_ID, TIMESTAMP, BODY))


def test_a_signature_of_either_secret_verifies_during_a_rotation() -> None:
    check(secrets=(OTHER_SECRET, SECRET))
    check(signature=f"v1,AAAA v1a,whatever {SIGNATURE}")


@pytest.mark.parametrize(
    "altered",
    [
        {"body": BODY + b" "},
        {"message_id": MESSAGE_ID + "x"},
        {"timestamp": str(TIMESTAMP + 1)},
        {"timestamp": f"{TIMESTAMP}000"},
        {"timestamp": "1614265330.0"},
        {"timestamp": "١٦١٤٢٦٥٣٣٠"},
        {"timestamp": ""},
        {"signature": ""},
        {"signature": SIGNATURE.removeprefix("v1,")},
        {"signature": SIGNATURE.replace("v1,", "v2,")},
        {"signature": "v1,ñ"},
        {"signature": " ".join([SIGNATURE] * 17)},
        {"secrets": (OTHER_SECRET,)},
        {"secrets": ()},
        {"now": TIMESTAMP + 301},
        {"now": TIMESTAMP - 301},
    ],
)
def test_whatever_is_altered_is_refused(altered: dict[str, object]) -> None:
    with pytest.raises(Refused) as refused:
        check(**altered)  # type: ignore[arg-type]

    assert refused.value.code == "signature_invalid"


@pytest.mark.parametrize("now", [TIMESTAMP - 300, TIMESTAMP + 300])
def test_five_minutes_either_way_are_still_now(now: int) -> None:
    check(now=now)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_not base64!", "whsec_ñ"])
def test_a_secret_that_is_none_cannot_sign(secret: str) -> None:
    with pytest.raises(Refused, match="whsec_"):
        sign(secret, MESSAGE_ID, TIMESTAMP, BODY)


def test_ten_attempts_follow_the_schedule_of_the_standard() -> None:
    delays = [retry_delay(attempt, jitter=0.0) for attempt in range(1, 11)]

    assert delays == [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400, None]
    assert len(ATTEMPT_DELAYS_SECONDS) == 10


def test_jitter_only_ever_makes_an_attempt_later() -> None:
    assert retry_delay(2, jitter=1.0) == pytest.approx(330.0)
    assert retry_delay(2, jitter=0.5) == pytest.approx(315.0)


def test_a_later_retry_after_is_respected_up_to_a_day() -> None:
    assert retry_delay(1, jitter=0.0, retry_after=60.0) == 60.0
    assert retry_delay(1, jitter=0.0, retry_after=1.0) == 5.0
    assert retry_delay(1, jitter=0.0, retry_after=1e9) == 86_400.0
    assert retry_delay(10, jitter=0.0, retry_after=60.0) is None
