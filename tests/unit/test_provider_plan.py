"""Magic recipient keys."""

import pytest

from fluxiq.providers.simulator.plan import CONFIRMED, Plan, plan_of, plan_of_account


@pytest.mark.parametrize(
    "key",
    [
        "confirmed@example.com",
        "somebody@example.com",
        "slowly@example.com",
        "rejected@example.com",
        "slow-down@example.com",
        "+5511999999999",
        "12345678909",
        "123e4567-e89b-12d3-a456-426655440000",
    ],
)
def test_ordinary_keys_are_confirmed(key: str) -> None:
    assert plan_of(key) == CONFIRMED


@pytest.mark.parametrize(
    ("key", "code"),
    [
        ("rejected-ac03@example.com", "AC03"),
        ("rejected-dupl+12@example.com", "DUPL"),
        ("rejected-am02.x@example.com", "AM02"),
    ],
)
def test_a_rejection_carries_the_code_of_the_key(key: str, code: str) -> None:
    assert plan_of(key) == Plan(reason_code=code)


@pytest.mark.parametrize(
    ("key", "plan"),
    [
        ("slow@example.com", Plan(is_slow=True)),
        ("lost@example.com", Plan(answers=False)),
        ("lost-never@example.com", Plan(arrives=False)),
        ("duplicate+1@example.com", Plan(copies=3)),
        ("disorder@example.com", Plan(tells_first=True, contradicts=True)),
        ("silent@example.com", Plan(tells=False)),
        ("endless@example.com", Plan(ends=False)),
        ("returned@example.com", Plan(returned_parts=2)),
        ("returned-half+1@example.com", Plan(returned_parts=1)),
    ],
)
def test_each_magic_word_has_its_plan(key: str, plan: Plan) -> None:
    assert plan_of(key) == plan


@pytest.mark.parametrize("number", ["1", "00012345", "12345X", "X", "SLOWER1", "AC99", "9AC03"])
def test_ordinary_accounts_are_confirmed(number: str) -> None:
    assert plan_of_account(number) == CONFIRMED


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("AC03", "AC03"), ("AC0317", "AC03"), ("AC07", "AC07"), ("AC14001", "AC14"),
        ("BE01", "BE01"), ("CH112", "CH11"), ("DUPL7", "DUPL"), ("FRAD", "FRAD"),
    ],
)  # fmt: skip
def test_an_account_is_rejected_with_the_code_its_number_begins_with(
    number: str, code: str
) -> None:
    assert plan_of_account(number) == Plan(reason_code=code)


@pytest.mark.parametrize(
    ("number", "key"),
    [("SLOW", "slow@"), ("LOSTNEVER1", "lost-never@"), ("DUPLICATE", "duplicate@"),
     ("RETURNEDHALF42", "returned-half@"), ("SILENT0", "silent@"), ("ENDLESS", "endless@")],
)  # fmt: skip
def test_the_words_of_keys_are_words_of_accounts(number: str, key: str) -> None:
    assert plan_of_account(number) == plan_of(f"{key}example.com") != CONFIRMED
