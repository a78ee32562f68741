"""Who may speak in a provider's name: schemes with a shared secret, against vectors made here."""

import base64
import hashlib
import hmac
from datetime import timedelta
from pathlib import Path

import pytest

from fluxiq.errors import Refused, StartRefused
from fluxiq.ports import Callback
from fluxiq.providers.callbacks import STRATEGIES, verification
from fluxiq.settings.providers import (
    CallbackScheme,
    HmacSha256,
    HmacSha256Body,
    ManifestHmac,
    StaticToken,
)
from tests.support.provider_links import BODY, NOW, accepts, call, private, refusal

SECRET = "segredo de ação".encode()
SECONDS = str(int(NOW.timestamp()))
MILLISECONDS = f"{SECONDS}000"


def hexed(message: bytes, secret: bytes = SECRET) -> str:
    return hmac.new(secret, message, hashlib.sha256).hexdigest()


@pytest.fixture
def secret_file(tmp_path: Path) -> str:
    return private(tmp_path / "secret", SECRET + b"\n")


def test_every_scheme_of_the_settings_has_a_strategy() -> None:
    schemes = CallbackScheme.__args__  # type: ignore[attr-defined]  # a union

    assert {scheme.__struct_config__.tag for scheme in schemes} == set(STRATEGIES)


# HMAC over `timestamp.body`.


def stamped(stamp: str = SECONDS, **changed: str) -> Callback:
    signature = hexed(stamp.encode() + b"." + BODY)
    return call(**{"x_timestamp": stamp, "x_signature": signature, **changed})


@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_an_hmac_over_time_and_body_is_believed_within_the_window(
    secret_file: str, seconds: int
) -> None:
    accepts(HmacSha256(secret_file=secret_file), stamped(), NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize("seconds", [-301, 301])
def test_what_was_signed_long_ago_or_in_the_future_is_a_replay(
    secret_file: str, seconds: int
) -> None:
    now = NOW + timedelta(seconds=seconds)

    assert "more than 300 s" in refusal(HmacSha256(secret_file=secret_file), stamped(), now)


def test_a_time_in_milliseconds_is_refused_by_its_unit(secret_file: str) -> None:
    said = refusal(HmacSha256(secret_file=secret_file), stamped(MILLISECONDS))

    assert said == "the time must be unix seconds, and is milliseconds"


def test_a_link_may_count_in_milliseconds_and_then_seconds_are_refused(secret_file: str) -> None:
    scheme = HmacSha256(secret_file=secret_file, timestamp_unit="milliseconds")

    accepts(scheme, stamped(MILLISECONDS))
    assert refusal(scheme, stamped()) == "the time must be unix milliseconds, and is seconds"


@pytest.mark.parametrize(
    "stamp", ["", "-1", "٢" * 10, "1e9", "1763845200.5", " " + SECONDS, "9" * 30]
)
def test_a_time_that_is_none_is_refused(secret_file: str, stamp: str) -> None:
    assert "unix seconds" in refusal(HmacSha256(secret_file=secret_file), stamped(stamp))


def test_the_time_is_signed_too(secret_file: str) -> None:
    forged = stamped(x_timestamp=str(int(SECONDS) + 60))

    assert "does not fit" in refusal(HmacSha256(secret_file=secret_file), forged)


def test_headers_have_the_names_that_the_link_says(secret_file: str) -> None:
    scheme = HmacSha256(
        secret_file=secret_file, signature_header="psp-sign", timestamp_header="psp-time"
    )
    signature = hexed(SECONDS.encode() + b"." + BODY)

    accepts(scheme, call(psp_time=SECONDS, psp_sign=signature))


# HMAC over the body alone.


def test_an_hmac_over_the_body_is_believed(secret_file: str) -> None:
    accepts(HmacSha256Body(secret_file=secret_file), call(x_signature=hexed(BODY)))


@pytest.mark.parametrize(
    "signature",
    [
        "",
        hexed(BODY).upper(),
        hexed(BODY)[:-1],
        hexed(BODY) + "0",
        hexed(BODY)[:-1] + "ñ",
        "0" * 64,
        base64.b64encode(bytes.fromhex(hexed(BODY))).decode(),
        hexed(BODY, b"another secret"),
        hashlib.sha256(BODY).hexdigest(),
        hexed(BODY + b"\n"),
        f"{hexed(BODY)}, {hexed(BODY)}",
    ],
)
def test_any_other_hmac_is_refused(secret_file: str, signature: str) -> None:
    refusal(HmacSha256Body(secret_file=secret_file), call(x_signature=signature))


def test_a_call_without_any_header_is_refused(secret_file: str) -> None:
    refusal(HmacSha256Body(secret_file=secret_file), call())
    refusal(HmacSha256(secret_file=secret_file), call())


def test_two_secrets_are_good_while_one_is_rotated_and_the_old_one_goes_with_its_line(
    tmp_path: Path,
) -> None:
    file = tmp_path / "secret"
    verify = verification(HmacSha256Body(secret_file=private(file, b"old\n")))
    by_old, by_new = (call(x_signature=hexed(BODY, one)) for one in (b"old", b"new"))
    verify(by_old, NOW)

    private(file, b"new\nold\n")
    verify(by_old, NOW)
    verify(by_new, NOW)

    private(file, b"new\n")
    verify(by_new, NOW)
    with pytest.raises(Refused):
        verify(by_old, NOW)


@pytest.mark.parametrize(
    ("content", "mode", "why"),
    [
        (b"", 0o600, "is empty"),
        (b"\n \n", 0o600, "is empty"),
        (b"secret", 0o640, "read by others"),
        (b"secret", 0o604, "read by others"),
        (b"1\n2\n3\n4\n5\n", 0o600, "more than 4"),
    ],
)
def test_a_secret_that_is_none_or_public_is_refused_at_the_start(
    tmp_path: Path, content: bytes, mode: int, why: str
) -> None:
    path = private(tmp_path / "secret", content)
    Path(path).chmod(mode)

    with pytest.raises(StartRefused, match=why):
        verification(HmacSha256Body(secret_file=path))


def test_a_secret_that_is_not_there_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(StartRefused, match="No such file"):
        verification(StaticToken(token_file=str(tmp_path / "nowhere")))


def test_a_new_secret_that_everybody_can_read_is_not_taken(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    verify = verification(HmacSha256Body(secret_file=private(file, b"old")))

    file.write_bytes(b"new")
    file.chmod(0o644)

    verify(call(x_signature=hexed(BODY, b"old")), NOW)
    with pytest.raises(Refused):
        verify(call(x_signature=hexed(BODY, b"new")), NOW)


# A token.


def test_the_token_in_its_header_is_believed(tmp_path: Path) -> None:
    scheme = StaticToken(token_file=private(tmp_path / "token", b"s3cret-token"))

    accepts(scheme, call(asaas_access_token="s3cret-token"))


@pytest.mark.parametrize(
    "token", ["", "s3cret-toke", "s3cret-token ", "S3CRET-TOKEN", "s3cret-tokén", "s3cret-token\0"]
)
def test_any_other_token_is_refused(tmp_path: Path, token: str) -> None:
    scheme = StaticToken(token_file=private(tmp_path / "token", b"s3cret-token"))

    refusal(scheme, call(asaas_access_token=token))
    refusal(scheme, call(authorization="s3cret-token"))


# A manifest.

QUERY = "data.id=ORD01JQ4S4KY8HWQ&type=order"
MANIFEST = f"id:ord01jq4s4ky8hwq;request-id:req-1;ts:{MILLISECONDS};"


def manifested(
    manifest: str = MANIFEST, *, ts: str = MILLISECONDS, query: str = QUERY, **changed: str
) -> Callback:
    signature = f"ts={ts},v1={hexed(manifest.encode())}"
    return call(query=query, **{"x_request_id": "req-1", "x_signature": signature, **changed})


def test_a_manifest_of_id_request_and_time_is_believed(secret_file: str) -> None:
    accepts(ManifestHmac(secret_file=secret_file), manifested())


def test_what_a_call_does_not_have_is_not_in_its_manifest(secret_file: str) -> None:
    scheme = ManifestHmac(secret_file=secret_file)

    accepts(scheme, manifested(f"request-id:req-1;ts:{MILLISECONDS};", query="type=order"))
    accepts(scheme, manifested(f"ts:{MILLISECONDS};", query="", x_request_id=""))


def test_a_manifest_in_seconds_is_a_setting(secret_file: str) -> None:
    callback = manifested(MANIFEST.replace(MILLISECONDS, SECONDS), ts=SECONDS)

    accepts(ManifestHmac(secret_file=secret_file, timestamp_unit="seconds"), callback)
    said = refusal(ManifestHmac(secret_file=secret_file), callback)
    assert said == "the time must be unix milliseconds, and is seconds"


@pytest.mark.parametrize("seconds", [-301, 301])
def test_a_manifest_of_another_time_is_a_replay(secret_file: str, seconds: int) -> None:
    now = NOW + timedelta(seconds=seconds)

    assert "more than 300 s" in refusal(ManifestHmac(secret_file=secret_file), manifested(), now)


@pytest.mark.parametrize(
    "callback",
    [
        manifested(query="data.id=another"),
        manifested(query=f"{QUERY}&data.id=ORD01JQ4S4KY8HWQ"),
        manifested(query="&".join(f"a{n}=1" for n in range(40))),
        manifested(x_request_id="req-2"),
        manifested(x_signature=""),
        manifested(x_signature=f"v1={hexed(MANIFEST.encode())}"),
        manifested(x_signature=f"ts={MILLISECONDS}"),
        manifested(x_signature=f"ts={MILLISECONDS},v1={hexed(b'')}"),
        manifested(
            x_signature=f"ts={MILLISECONDS},ts={MILLISECONDS},v1={hexed(MANIFEST.encode())}"
        ),
        manifested(x_signature=f"ts=é,v1={hexed(MANIFEST.encode())}"),
        manifested(x_signature="ts=,v1="),
        manifested(x_signature=hexed(MANIFEST.encode())),
    ],
)
def test_any_other_manifest_is_refused(secret_file: str, callback: Callback) -> None:
    refusal(ManifestHmac(secret_file=secret_file), callback)
