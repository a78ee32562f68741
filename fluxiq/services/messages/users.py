"""People with a password: what is said of them, and what whoever asks is told."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from fluxiq.domain.documents import mask_document
from fluxiq.domain.roles import Role
from fluxiq.domain.user import User, UserStatus

Name = Annotated[str, Meta(min_length=1, max_length=80)]


class OpenUser(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`merchant_id` is whom they work for: your own merchant, unless you belong to the institution
    and name one. Of the institution itself: none.
    """

    document: Annotated[str, Meta(min_length=11, max_length=18)]
    name: Name
    role: Role
    merchant_id: Annotated[str, Meta(min_length=1, max_length=64)] | None = None


class EditUser(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is not named stays. A user that becomes `active` is not locked out any more either."""

    name: Name | None = None
    role: Role | None = None
    status: Literal["active", "locked"] | None = None


class ResetPassword(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`totp`: take the second factor away too, of somebody who lost it and their recovery codes."""

    totp: bool = False


class UserView(Struct, frozen=True, kw_only=True):
    """`document` is masked. `password` is there once: in the answer that gives it."""

    id: str
    merchant_id: str | None
    name: str
    document: str
    role: Role
    status: UserStatus
    totp: bool
    must_change_password: bool
    locked_until: datetime | None
    last_login_at: datetime | None
    created_at: datetime
    updated_at: datetime
    password: str | UnsetType = UNSET


def user_view(user: User, password: str | UnsetType = UNSET) -> UserView:
    return UserView(
        id=user.id,
        merchant_id=user.merchant_id,
        name=user.name,
        document=mask_document(user.document),
        role=user.role,
        status=user.status,
        totp=user.totp_secret is not None,
        must_change_password=user.one_time_until is not None,
        locked_until=user.locked_until,
        last_login_at=user.last_login_at,
        created_at=user.created_at,
        updated_at=user.updated_at,
        password=password,
    )
