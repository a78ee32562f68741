"""Access tokens and the keys that sign them: what is read, and everything that is not."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from msgspec.structs import replace

from fluxiq import settings as config
from fluxiq.domain.roles import Role
from fluxiq.services.access_tokens import (
    CHARACTERS_MAX,
    TYPE,
    AccessTokens,
    Claims,
    header_of,
)
from fluxiq.services.signing_keys import SKEW, SigningKeys
from tests.support.memory_users import access_tokens, signing_keys

ISPB, OTHER = "12345678", "87654321"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
IDENTITY = config.load({}).identity
SECRET = "a secret of thirty-two characters"
LIFE = timedelta(seconds=IDENTITY.access_seconds)


def claims(now: datetime = NOW, **said: Any) -> Claims:
    at = int(now.timestamp())
    values: dict[str, Any] = {
        "iss": IDENTITY.issuer,
        "aud": IDENTITY.audience,
        "sub": "usr_1",
        "sid": "ses_1",
        "jti": "1",
        "iat": at,
        "nbf": at,
        "exp": at + IDENTITY.access_seconds,
        "tenant_id": ISPB,
        "ispb": ISPB,
        "roles": (Role.OWNER,),
        "permissions": ("*",),
    }
    return Claims(**(values | said))


def issued(now: datetime = NOW, tokens: AccessTokens | None = None, **said: Any) -> str:
    return (tokens or access_tokens(ISPB, IDENTITY)).issue(claims(now, **said), now)


def read(text: str, now: datetime = NOW, tokens: AccessTokens | None = None) -> Claims | None:
    header = header_of(text)
    return (
        None
        if header is None
        else (tokens or access_tokens(ISPB, IDENTITY)).read(text, header, now)
    )


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def forged(header: dict[str, Any], key: Any = b"", algorithm: str = "HS256") -> str:
    """Somebody else's token with our claims; `header` replaces what the library would say."""
    return jwt.PyJWS().encode(_payload(), key, algorithm, headers=header)


def _payload(**said: Any) -> bytes:
    whole = jwt.PyJWS(algorithms=["EdDSA"]).decode_complete(
        issued(**said), signing_keys(ISPB, IDENTITY).current(NOW)[1].public_key(), ["EdDSA"]
    )
    payload: bytes = whole["payload"]
    return payload


def kid() -> str:
    return signing_keys(ISPB, IDENTITY).current(NOW)[0]


# describe what is read


def test_a_token_says_who_it_is_for_as_long_as_it_lives() -> None:
    text = issued()
    assert read(text) == claims()
    assert read(text, NOW + LIFE - timedelta(seconds=1)) == claims()


def test_it_is_a_jwt_as_everybody_reads_them() -> None:
    text = issued()
    head = jwt.get_unverified_header(text)
    assert head == {"alg": "EdDSA", "kid": kid(), "typ": TYPE}
    key = signing_keys(ISPB, IDENTITY).current(NOW)[1].public_key()
    said = jwt.decode(
        text,
        key,
        ["EdDSA"],
        audience=IDENTITY.audience,
        options={"verify_exp": False, "verify_nbf": False, "verify_iat": False},
    )
    papers = "sub tenant_id ispb roles permissions iss aud iat exp jti"
    assert set(papers.split()) <= said.keys()


def test_its_signature_is_looked_at_once_and_its_time_each_time() -> None:
    tokens, text = access_tokens(ISPB, IDENTITY), issued()
    assert read(text, tokens=tokens) is not None
    tokens._keys = SigningKeys(ISPB, IDENTITY, lambda _: b"x" * 32)  # would not verify any more
    assert read(text, tokens=tokens) is not None
    assert read(text, NOW + LIFE, tokens) is None


# describe what is not read


@pytest.mark.parametrize(
    "said",
    [
        {"iss": "somebody"},
        {"aud": "another-api"},
        {"ispb": OTHER},
        {"tenant_id": OTHER},
        {"exp": int(NOW.timestamp())},
        {"exp": int((NOW + LIFE).timestamp()) + 1},  # longer than any of ours
        {"nbf": int((NOW + SKEW).timestamp()) + 1},
        {"iat": int((NOW + SKEW).timestamp()) + 1},
    ],
)
def test_claims_that_do_not_hold_are_refused(said: dict[str, Any]) -> None:
    assert read(issued(**said)) is None


def test_one_of_another_institution_is_refused_whoever_signed_it() -> None:
    theirs = access_tokens(OTHER, IDENTITY)
    assert read(theirs.issue(claims(ispb=OTHER, tenant_id=OTHER), NOW)) is None
    assert read(theirs.issue(claims(), NOW)) is None

    key = signing_keys(OTHER, IDENTITY).current(NOW)[1]
    assert read(forged({"kid": kid(), "typ": TYPE}, key, "EdDSA")) is None


def test_no_algorithm_is_no_signature() -> None:
    body = issued().split(".")[1]
    for algorithm in ("none", "None", "NONE", ""):
        head = part({"alg": algorithm, "kid": kid(), "typ": TYPE})
        assert read(f"{head}.{body}.") is None
        assert read(f"{head}.{body}.{issued().split('.')[2]}") is None


def test_a_public_key_is_no_secret() -> None:
    """Key confusion: HS256 under the bytes of the EdDSA public key, with and without its kid."""
    public = signing_keys(ISPB, IDENTITY).current(NOW)[1].public_key()
    raw = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    for name in (kid(), f"{ISPB}.hs256"):
        assert read(forged({"kid": name, "typ": TYPE}, raw)) is None


@pytest.mark.parametrize(
    "more",
    [
        {"typ": "JWT"},
        {"typ": "id+jwt"},
        {"kid": "unknown"},
        {"kid": f"{ISPB}.2-680"},
        {"kid": f"{ISPB}.1-0"},
        {"kid": "../../etc/passwd"},
        {"kid": f"{ISPB}.1-99999999999999999999"},
        {"jku": "https://evil.example/keys"},
        {"x5u": "https://evil.example/cert"},
        {"crit": ["b64"]},
    ],
)
def test_a_header_of_others_is_refused(more: dict[str, Any]) -> None:
    key = signing_keys(ISPB, IDENTITY).current(NOW)[1]
    assert read(forged({"kid": kid(), "typ": TYPE}, key, "EdDSA")) == claims()
    head = part({"alg": "EdDSA", "kid": kid(), "typ": TYPE} | more)
    body = issued().split(".")[1]
    signature = base64.urlsafe_b64encode(key.sign(f"{head}.{body}".encode())).decode().rstrip("=")
    assert read(f"{head}.{body}.{signature}") is None


def test_a_key_that_comes_along_is_not_used() -> None:
    own = Ed25519PrivateKey.generate()
    x = own.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": base64.urlsafe_b64encode(x).decode().rstrip("=")}
    assert read(forged({"kid": kid(), "typ": TYPE, "jwk": jwk}, own, "EdDSA")) is None


def test_every_bit_of_a_token_counts() -> None:
    text = issued()
    for at in range(0, len(text) - 1, 7):  # the last character of base64 may have spare bits
        other = "A" if text[at] != "A" else "B"
        assert read(f"{text[:at]}{other}{text[at + 1 :]}") is None, at


@pytest.mark.parametrize("cut", [1, 10, 100, 400])
def test_a_truncated_token_is_refused(cut: int) -> None:
    assert read(issued()[:-cut]) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "a.b.c",
        "....",
        "e30.e30.e30",
        "eyJhbGciOiJFZERTQSJ9.e30.",
        f"{part([])}.{part({})}.x",
        f"{part({'alg': 1, 'kid': 2, 'typ': 3})}.e30.x",
        "ção.ção.ção",
        "\x00.\x00.\x00",
        "=.=.=",
        "9" * 300 + ".e30.x",
    ],
)
def test_what_is_no_token_has_no_header(text: str) -> None:
    assert header_of(text) is None


def test_a_huge_token_is_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    text = issued()
    assert len(text) < CHARACTERS_MAX / 4
    huge = text + "A" * CHARACTERS_MAX
    monkeypatch.setattr(base64, "urlsafe_b64decode", lambda _: pytest.fail("it was parsed"))
    assert header_of(huge) is None


def test_a_payload_that_is_no_record_of_ours_is_refused() -> None:
    key = signing_keys(ISPB, IDENTITY).current(NOW)[1]
    for payload in (b"", b"null", b"[]", b"\xff", b'{"sub": 1}'):
        text = jwt.PyJWS().encode(payload, key, "EdDSA", headers={"kid": kid(), "typ": TYPE})
        assert read(text) is None


# describe rotation


def turn() -> datetime:
    """The moment when the key of now has signed for as long as it signs."""
    seconds = IDENTITY.key_days * 86_400
    return datetime.fromtimestamp((int(NOW.timestamp()) // seconds + 1) * seconds, UTC)


def test_a_new_key_signs_and_the_old_one_is_read_until_its_tokens_are_over() -> None:
    tokens, before = access_tokens(ISPB, IDENTITY), turn() - timedelta(seconds=1)
    old, new = issued(before, tokens), issued(turn(), tokens)
    kids = [jwt.get_unverified_header(one)["kid"] for one in (old, new)]
    assert kids[0] != kids[1]

    assert read(old, turn() + timedelta(minutes=10), tokens) is not None
    assert read(new, turn() + timedelta(minutes=10), tokens) is not None
    keys = signing_keys(ISPB, IDENTITY)
    assert keys.verifier(kids[0], turn() + LIFE) is not None
    assert keys.verifier(kids[0], turn() + LIFE + SKEW + timedelta(seconds=1)) is None


def test_a_process_that_is_behind_reads_what_one_ahead_has_signed() -> None:
    ahead, behind = turn(), turn() - timedelta(seconds=4)
    assert read(issued(ahead), behind) is not None
    keys, far = signing_keys(ISPB, IDENTITY), turn() - timedelta(minutes=1)
    assert keys.verifier(keys.current(turn())[0], far) is None


def test_keys_of_the_past_are_forgotten() -> None:
    keys = signing_keys(ISPB, IDENTITY)
    for period in range(20):
        keys.current(NOW + timedelta(days=IDENTITY.key_days * period))
    assert len(keys._known) <= 4


def test_another_series_is_another_row_of_keys() -> None:
    """What an operator does when a key may be known."""
    later = access_tokens(ISPB, replace(IDENTITY, key_series=2))
    assert read(issued(), tokens=later) is None
    assert read(issued(tokens=later), tokens=later) is not None


# describe HS256


def test_hs256_is_read_by_a_setting_alone() -> None:
    head = {"kid": f"{ISPB}.hs256", "typ": TYPE}
    text = jwt.PyJWS().encode(_payload(), SECRET.encode(), "HS256", headers=head)
    assert read(text) is None
    allowed = access_tokens(ISPB, replace(IDENTITY, hs256_secret=SECRET))
    assert read(text, tokens=allowed) == claims()

    wrong = jwt.PyJWS().encode(_payload(), b"another secret of 32 characters..", "HS256", head)
    eddsa = jwt.PyJWS().encode(
        _payload(), signing_keys(ISPB, IDENTITY).current(NOW)[1], "EdDSA", headers=head
    )
    under_ours = forged({"kid": kid(), "typ": TYPE}, SECRET.encode())
    for other in (wrong, eddsa, under_ours):
        assert read(other, tokens=allowed) is None
