"""The life of an account: `active <-> blocked`; an inactive one stays as it is.

A blocked account takes no payouts and no transfers out, and still receives: what the law, or a
merchant's own alarm, stops is money that leaves.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from fluxiq.domain.records import AccountStatus


class AccountEvent(StrEnum):
    BLOCKED = "blocked"
    UNBLOCKED = "unblocked"


_S, _E = AccountStatus, AccountEvent

# Done again, a block or an unblock changes nothing, and is not refused.
TRANSITIONS: Mapping[tuple[AccountStatus, AccountEvent], AccountStatus] = MappingProxyType(
    {
        (_S.ACTIVE, _E.BLOCKED): _S.BLOCKED,
        (_S.BLOCKED, _E.BLOCKED): _S.BLOCKED,
        (_S.BLOCKED, _E.UNBLOCKED): _S.ACTIVE,
        (_S.ACTIVE, _E.UNBLOCKED): _S.ACTIVE,
    }
)


def advance(status: AccountStatus, event: AccountEvent) -> AccountStatus | None:
    """What `event` makes of an account; None where it is not possible."""
    return TRANSITIONS.get((status, event))
