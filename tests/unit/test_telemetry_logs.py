"""Logs: one stream, one shape, and nothing in it that belongs to a customer."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from structlog.contextvars import bound_contextvars

from fluxiq.domain.records import Person
from fluxiq.settings import Log
from fluxiq.telemetry import logs
from fluxiq.telemetry.redaction import DEPTH_MAX, redact, redact_text
from tests.support.written_logs import written_logs

KEY = "sk_live_12345678abcdefghijklmnopqrstuvwxyzABCDEF"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    with written_logs() as written:
        yield written


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_line_of_json_with_what_is_bound(stream: io.StringIO) -> None:
    with bound_contextvars(request_id="req_1", institution="12345678"):
        structlog.get_logger("x").info("payout_held", amount=15000)
    [line] = lines(stream)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "payout_held",
        "level": "info",
        "amount": 15000,
        "request_id": "req_1",
        "institution": "12345678",
    }


def test_below_the_level_nothing_is_written(stream: io.StringIO) -> None:
    structlog.get_logger().debug("too_quiet")
    assert stream.getvalue() == ""


def test_documents_and_keys_are_masked_wherever_they_are(stream: io.StringIO) -> None:
    structlog.get_logger().info(
        "charge_opened",
        document="52998224725",
        pix_key="padaria@example.com",
        payer={"document": "52998224725"},
        pix_keys=["+5511987654321"],
        person=Person(document="529.982.247-25", name="Maria"),
        note=f"called with {KEY}",
    )
    text = stream.getvalue()
    for secret in ("52998224725", "529.982.247-25", "padaria@", "87654321", KEY):
        assert secret not in text
    assert "p***@example.com" in text


def test_a_traceback_is_masked_too(stream: io.StringIO) -> None:
    try:
        raise ValueError(  # noqa: TRY301 - a traceback is wanted
            f"no such key {KEY} at postgres://fluxiq:hunter2@host/db"
        )
    except ValueError:
        structlog.get_logger().exception("request_failed")
    [line] = lines(stream)
    assert "ValueError" in line["exception"]
    assert KEY not in line["exception"]
    assert "hunter2" not in line["exception"]


def test_libraries_speak_in_the_same_stream_from_warnings_on(stream: io.StringIO) -> None:
    library = logging.getLogger("some.package")
    library.info("chatter")
    library.warning("100%% of %s", "it")
    [line] = lines(stream)
    assert (line["event"], line["level"], line["logger"]) == (
        "100% of it",
        "warning",
        "some.package",
    )


def test_the_last_configuration_wins_and_nothing_is_said_twice(stream: io.StringIO) -> None:
    again = io.StringIO()
    logs.configure(Log(format="json", level="warning"), again)
    structlog.get_logger().info("quiet")
    logging.getLogger("some.package").error("loud")
    assert stream.getvalue() == ""
    assert [line["event"] for line in lines(again)] == ["loud"]


@pytest.mark.usefixtures("stream")
def test_a_terminal_gets_words_and_no_local_variables() -> None:
    written = io.StringIO()
    logs.configure(Log(format="console", level="info"), written)
    hidden = "a local variable"
    try:
        raise ValueError("broken")  # noqa: TRY301 - a traceback is wanted
    except ValueError:
        structlog.get_logger().exception("request_failed", amount=1)
    text = written.getvalue()
    assert "request_failed" in text
    assert "ValueError: broken" in text
    assert hidden not in text


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        (f"a token rt_12345678{'aZ9' * 14}b", "aZ9"),
        ("otpauth://totp/Banco:Ana?secret=GEZDGNBVGY3TQOJQ&issuer=Banco", "GEZD"),
        ("$argon2id$v=19$m=8,t=1,p=1$c2FsdA$aGFzaA", "aGFzaA"),
        (f"key {KEY} seen", "sk_live"),
        ("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", "C2FV"),
        ("Bearer eyJhbGciOi.eyJzdWIi.c2lnbmF0dXJl", "c2lnbmF0dXJl"),
        ("redis://:hunter2@127.0.0.1", "hunter2"),
        ("postgres://me:hunter2@127.0.0.1", "hunter2"),
        ("CPF 529.982.247-25", "529.982"),
        ("CNPJ 00.038.166/0001-05", "0001-05"),
    ],
)
def test_secrets_are_known_by_their_shape(text: str, hidden: str) -> None:
    assert hidden not in redact_text(text)


@pytest.mark.parametrize(
    "text", ["chg_01KAP3Y8QCJZ0F0M3T2V9D8XKE", "E1234567820261122120012345678901", "2026-11-22"]
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact_text(text) == text


def test_secrets_are_known_by_their_name_at_any_depth() -> None:
    deep: dict[str, Any] = {"password": "x"}
    for _ in range(DEPTH_MAX + 5):
        deep = {"inner": deep, "Authorization": "Bearer x", "token": None, "count": 1}
    told = redact(deep)
    assert "Bearer" not in str(told)
    assert "'password': 'x'" not in str(told)
    assert (told["token"], told["count"]) == (None, 1)


def test_bytes_are_counted_and_not_shown() -> None:
    assert redact({"raw": b"12345"}) == {"raw": "5 bytes"}
