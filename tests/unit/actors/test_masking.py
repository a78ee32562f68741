"""What operators read of errors: no people and no secrets, and the sentences of our own whole."""

import pytest

from actors.masking import masked_error, masked_reason, masked_texts
from fluxiq.errors import StartRefused, Unavailable

CPF, KEY = "52998224725", "sk_live_12345678abcdefghijklmnopqrstuvwxyzABCDEF"


class Loud(Exception):
    """Its repr and its text say all that it has."""


@pytest.mark.parametrize("kind", [Loud, StartRefused, ValueError])
def test_an_exception_says_no_document_and_no_key(kind: type[Exception]) -> None:
    told = masked_error(kind(f"no account of {CPF}, name='Maria', with {KEY}"))
    assert told.startswith(f"{kind.__name__}: no account of")
    assert not any(secret in told for secret in (CPF, KEY, "Maria"))


def test_all_of_a_group_are_masked() -> None:
    told = masked_error(ExceptionGroup("two", [Loud(CPF), Unavailable("redis", f"as {KEY}")]))
    assert CPF not in told
    assert KEY not in told
    assert "Loud" in told
    assert "Unavailable" in told


def test_a_foreign_text_loses_what_anybody_would_take_for_a_secret() -> None:
    hidden = "0123456789abcdef0123456789abcdef"
    assert hidden not in masked_error(ValueError(f"bad {hidden}"))
    ours = StartRefused("the key-encryption key: put the file back")
    assert "put the file back" in masked_error(ours)


def test_a_reason_and_a_state_are_masked_wherever_they_are() -> None:
    assert CPF not in masked_reason(f"{CPF} asked for it")
    state = {"seen": [f"of {CPF}", ("x", {CPF: 1})], "count": 3, "none": None}
    told = masked_texts(state)
    assert CPF not in str(told)
    assert isinstance(told, dict)
    assert (told["count"], told["none"]) == (3, None)
