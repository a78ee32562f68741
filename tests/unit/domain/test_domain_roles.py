"""THE table of roles: what the product's papers say of each, and what `*` does not include."""

import re
from pathlib import Path

import pytest

from fluxiq.domain.roles import (
    OF_INSTITUTION,
    OF_MERCHANT,
    RESERVED,
    Role,
    covers,
    permissions_of,
)


@pytest.mark.parametrize(
    ("role", "permission", "may"),
    [
        (Role.OWNER, "users:write", True),
        (Role.OWNER, "pix:write", True),
        (Role.OWNER, "live_data:write", False),
        (Role.MANAGER, "accounts:write", True),
        (Role.MANAGER, "pix:read", True),
        (Role.MANAGER, "pix:write", True),
        (Role.MANAGER, "transfers:approve", True),
        (Role.MANAGER, "users:read", False),
        (Role.MANAGER, "api_keys:write", False),
        (Role.MANAGER, "webhooks:write", False),
        (Role.OPERATOR, "pix:write", True),
        (Role.OPERATOR, "transfers:write", True),
        (Role.OPERATOR, "transfers:approve", False),
        (Role.OPERATOR, "accounts:read", True),
        (Role.OPERATOR, "accounts:write", False),
    ],
)
def test_a_merchants_people_may_what_the_papers_say(role: Role, permission: str, may: bool) -> None:
    assert covers(permissions_of(role, "mch_1"), permission) is may


def test_every_role_is_in_both_tables() -> None:
    assert OF_MERCHANT.keys() == OF_INSTITUTION.keys() == set(Role)


def test_what_is_for_all_merchants_is_no_merchants() -> None:
    for role in Role:
        assert not any(covers(OF_MERCHANT[role], one) for one in RESERVED)
    assert all(covers(OF_INSTITUTION[Role.OWNER], one) for one in RESERVED)


@pytest.mark.parametrize("grants", [*OF_MERCHANT.values(), *OF_INSTITUTION.values()])
def test_a_role_covers_itself(grants: tuple[str, ...]) -> None:
    assert all(covers(grants, one) for one in grants)


def test_a_wildcard_is_covered_by_wildcards_alone() -> None:
    assert covers(("*",), "*")
    assert covers(("pix:*",), "pix:*")
    assert not covers(("pix:*",), "*")
    assert not covers(("pix:read", "pix:write"), "pix:*")


def test_the_page_about_people_says_the_same() -> None:
    page = Path(__file__).parents[3] / "docs" / "identity.md"
    rows = re.findall(
        r"^\| (\w+) \| (.*) \| (.*) \|$", page.read_text(encoding="utf-8"), re.MULTILINE
    )
    said = {
        name: tuple(tuple(re.findall(r"`([^`]+)`", cell)) for cell in cells)
        for name, *cells in rows
        if name in list(Role)
    }
    assert said == {role: (OF_MERCHANT[role], OF_INSTITUTION[role]) for role in Role}
