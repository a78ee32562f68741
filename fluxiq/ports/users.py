"""What the room of users needs on paper. Documents, names and secrets are plain here: the adapter
seals them.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from msgspec import Struct

from fluxiq.domain.user import User, UserChange
from fluxiq.ports import Idempotency, Opening, Page


class UserOpening(Struct, frozen=True, kw_only=True):
    """`response` is what a replay answers: without the one-time password, which is shown once.
    `claimed_by` is whose idempotency key it is: a merchant's id, or the institution's ISPB.
    """

    user: User
    actor: str
    response: bytes
    claimed_by: str
    idempotency: Idempotency | None


class UserChanged(Struct, frozen=True, kw_only=True):
    """The user as it is now, and the sessions that ended with the change."""

    user: User
    ended: tuple[str, ...] = ()


class Users(Protocol):
    """The people of one institution. Every method is one transaction; twice is once."""

    async def open_user(self, opening: UserOpening) -> Opening:
        """Raises Refused: user_exists for the document, merchant_not_found."""

    async def find_user(self, user_id: str) -> User | None: ...

    async def list_users(self, merchant_id: str | None, page: Page) -> tuple[list[User], int]:
        """Those of a merchant, or (None) of the institution itself: newest first, the removed ones
        too, and how many there are in all.
        """

    async def change_user(
        self, user_id: str, changes: Sequence[UserChange], actor: str, at: datetime
    ) -> UserChanged | None:
        """All of `changes` in their order, or none; None when there is no such user. Sessions end
        with the changes that end them. Raises Refused as `domain.user.changed` does, and
        last_owner.
        """
