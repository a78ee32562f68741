"""The text of API keys: what is one of ours can be told without asking anybody."""

import re
import string
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from fluxiq.domain.api_key_text import PATTERN, KeyText, build_key, checksum, read_key
from fluxiq.telemetry.redaction import redact

RANDOM = "abcdefghijklmnopqrstuvwxyzABCDEF"
KEY = build_key("12345678", RANDOM, is_test=False)

letters = some.text(string.digits + string.ascii_letters, min_size=32, max_size=32)


def test_the_checksum_is_the_one_that_is_published() -> None:
    """Scanners compute it too: this pins it. CRC-32 of `123456789` is 0xCBF43926, by its paper."""
    assert checksum("123456789") == "3jZRME"


@given(letters, some.booleans())
def test_a_key_says_whose_and_what_it_is(random: str, is_test: bool) -> None:
    text = build_key("1234567X", random, is_test=is_test)
    assert read_key(text) == KeyText("1234567X", is_test)
    assert re.search(PATTERN, f'key = "{text}"')


@given(some.integers(0, len(KEY) - 1), some.sampled_from("0Aaz_-é"))
def test_one_wrong_character_makes_no_key(where: int, wrong: str) -> None:
    text = KEY[:where] + wrong + KEY[where + 1 :]
    assert (read_key(text) is not None) == (text == KEY)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sk_",
        KEY[:-6],  # of the time before checksums
        KEY + "0",
        KEY + "\n",
        KEY.replace("sk_live", "sk_prod"),
        KEY.swapcase(),
        KEY.replace("sk_live", "sk_test"),  # the checksum is of the whole
    ],
)
def test_what_only_looks_like_a_key_is_none(text: str) -> None:
    assert read_key(text) is None


def test_a_scanner_that_does_as_the_papers_say_knows_our_keys() -> None:
    page = Path("docs/identity.md").read_text(encoding="utf-8")
    [code] = [one for one in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "crc32" in one]
    told: dict[str, Any] = {}
    exec(code, told)

    assert told["PATTERN"] == PATTERN
    assert told["is_one_of_ours"](KEY)
    assert told["is_one_of_ours"]("sk_live_12345678EXAMPLEexampleEXAMPLEexample00003SS7NH")
    assert not told["is_one_of_ours"](KEY[:-1] + ("0" if KEY[-1] != "0" else "1"))


def test_a_key_is_hidden_from_logs() -> None:
    assert KEY[8:] not in str(redact({"event": f"sent {KEY} by mistake"}))
