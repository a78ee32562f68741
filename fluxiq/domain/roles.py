"""What a person may do: THE table of roles. Whatever else tells of roles is made of it.

The product's papers say: an owner everything, a manager `accounts:*, transactions:read, pix:*`, an
operator executes transactions and views accounts. No endpoint asks for `transactions:…`: what they
call a transaction is read with `pix:read` (charges, payouts, refunds, walks), `transfers:read`
(transfers) and `accounts:read` (statements), which managers and operators have.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Role(StrEnum):
    OWNER = "owner"
    MANAGER = "manager"
    OPERATOR = "operator"


# What every person may do with what is their own, whatever their role: sessions, password, second
# factor. No API key may, `*` or not.
OWN: Final = "own:session"

# What only the institution's own people may, whatever is granted to anybody else: its records
# beyond one merchant's, and the running system. No API key may, for every key is a merchant's.
INSTITUTION_ONLY: Final = frozenset(
    f"{resource}:{action}"
    for resource in ("institution", "operations")
    for action in ("read", "write", "*")
)

# What is for all merchants of an institution. `*` is the owner of one of them, and may neither do
# this nor give it away: such a grant is named where it is given.
RESERVED: Final = INSTITUTION_ONLY | {"live_data:write", "live_data:*", "med:write", "med:*"}

# Of people who belong to a merchant.
OF_MERCHANT: Final[Mapping[Role, tuple[str, ...]]] = MappingProxyType(
    {
        Role.OWNER: ("*",),
        Role.MANAGER: (
            "accounts:*",
            "pix:*",
            "payout_batches:*",
            "transfers:*",
            "merchants:read",
            "fees:read",
            "live_data:read",
        ),
        Role.OPERATOR: (
            "accounts:read",
            "pix:read",
            "pix:write",
            "transfers:read",
            "transfers:write",
            "merchants:read",
            "live_data:read",
        ),
    }
)

# Of the institution's own people. What is a merchant's they reach by `institution:…` alone: an
# endpoint that asks which merchant calls refuses them.
OF_INSTITUTION: Final[Mapping[Role, tuple[str, ...]]] = MappingProxyType(
    {
        Role.OWNER: ("*", "live_data:*", "med:*", "institution:*", "operations:*"),
        # `pix:read` is what fraud reports are read with; they are the only ones of it reached here.
        Role.MANAGER: (
            "live_data:*",
            "med:*",
            "pix:read",
            "users:read",
            "audit:read",
            "institution:*",
            "operations:read",
        ),
        Role.OPERATOR: ("live_data:read", "institution:read", "operations:read"),
    }
)


def permissions_of(role: Role, merchant_id: str | None) -> tuple[str, ...]:
    """The grants of somebody who belongs to a merchant, or (None) to the institution itself."""
    return (OF_INSTITUTION if merchant_id is None else OF_MERCHANT)[role]


def covers(grants: tuple[str, ...], permission: str) -> bool:
    """Whether one of `grants` covers `permission` (`resource:action`): itself, `resource:*` or,
    unless it is RESERVED, `*`. A grant is covered like a permission.
    """
    resource, _, _ = permission.partition(":")
    covering = {permission, f"{resource}:*"} | (set() if permission in RESERVED else {"*"})
    return not covering.isdisjoint(grants)
