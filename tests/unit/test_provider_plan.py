"""Magic recipient keys."""

import pytest

from fluxiq.providers.simulator.plan import CONFIRMED, Plan, plan_of


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
        ("returned@example.com", Plan(returned_parts=2)),
        ("returned-half+1@example.com", Plan(returned_parts=1)),
    ],
)
def test_each_magic_word_has_its_plan(key: str, plan: Plan) -> None:
    assert plan_of(key) == plan
