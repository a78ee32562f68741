"""What looks secret is masked in any text; what an operator needs to read is not."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisors import masked_text
from supervisors.diagnostics.masking import TEXT_CHARACTERS_MAX

SECRETS = (
    "123.456.789-09",
    "12345678909",
    "12.345.678/0001-95",
    "12345678000195",
    "1A.2B3.C4D/0001-95",
    "maria@example.com.br",
    "+5511987654321",
    "3f2b8c1e-9d4a-4b6f-8a7e-5c0d1e2f3a4b",
    "sk_live_51HxYz",
    "whsec_MfKQ9r8G+x/=",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dozjgNryP4J3jVmN",
    "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MEFCQ0RFRkdI",
)


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("text", ["{}", "no account of {}, try again", "('{}', 5)", "at <{}>"])
def test_secret_is_known_by_its_shape(secret: str, text: str) -> None:
    assert secret not in masked_text(text.format(secret))
    assert "***" in masked_text(text.format(secret))


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("password=hunter2 was refused", "password=*** was refused"),
        ("Payment(pix_key='11 9', amount=5)", "Payment(pix_key=***, amount=5)"),
        ('{"cpf": "1", "amount": 5}', '{"cpf": ***, "amount": 5}'),
        ("api_key: abc, then", "api_key: ***, then"),
        ("TOKEN = a.b", "TOKEN = ***"),
        ("postgres://fluxiq:pw@127.0.0.1/x", "postgres://***@127.0.0.1/x"),
        ("sent Bearer abc.def", "sent Bearer ***"),
        ("-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY----- x", "*** x"),
        ("secret='it\\'s'; next", "secret=***; next"),
    ],
)
def test_secret_is_known_by_its_name_or_its_surroundings(text: str, masked: str) -> None:
    assert masked_text(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "KeyError: 'amount'",
        "root/institutions/12345678/ledger_writer is down: crashed: TypeError: not a str",
        "E1234567820260301031400000000001 was not settled within 10 s",
        "pay_01JN8Z3V6R8Y2K4M6P8Q0S2T4V has status 'held', not 'open'",
        "connect to 127.0.0.1:5432 refused",
        "invalid literal for int() with base 10: 'x'",
        "balance of 1500 is less than 2000",
    ],
)
def test_what_an_operator_needs_is_left_as_it_is(text: str) -> None:
    assert masked_text(text) == text


@given(st.text(max_size=40), st.sampled_from(SECRETS))
def test_secret_among_other_words_never_shows(words: str, secret: str) -> None:
    assert secret not in masked_text(f"{words} {secret} {words}")


def test_long_text_is_cut_and_a_secret_on_the_cut_does_not_show() -> None:
    text = "x " * (TEXT_CHARACTERS_MAX // 2 - 3) + "123.456.789-09 " * 1000
    shown = masked_text(text)
    assert len(shown) <= TEXT_CHARACTERS_MAX + 1
    assert shown.endswith("…")
    assert not any(digit in shown for digit in "123456789")


@pytest.mark.parametrize(
    "part", ["key", "a", "a.", "+1", "_sec", "eyJ", "key='", "\\", "1 ", "@a."]
)
def test_no_text_takes_long(part: str) -> None:
    """A text comes from anybody: none may hold up the event loop that masks it."""
    text = part * 100_000
    began = time.process_time()
    masked_text(text)
    assert time.process_time() - began < 0.25
