"""The people of a merchant, or of the institution: made, shown, changed, removed.

Nobody gives more than they have, nor changes somebody who has more. Who was given a password by
somebody else changes it before anything else.
"""

from datetime import timedelta
from typing import Final

from fluxiq.domain.documents import parse_document
from fluxiq.domain.roles import Role, permissions_of
from fluxiq.domain.user import (
    Locked,
    PasswordReset,
    Removed,
    Renamed,
    RoleGiven,
    Unlocked,
    User,
    UserChange,
    UserStatus,
)
from fluxiq.errors import Refused
from fluxiq.ports import Fresh, Idempotency, Page
from fluxiq.ports.users import UserOpening
from fluxiq.services.authenticate import Caller
from fluxiq.services.messages.envelope import Answer, Data, Listing, encode, listing
from fluxiq.services.messages.users import EditUser, OpenUser, ResetPassword, UserView, user_view
from fluxiq.services.replay import replay
from fluxiq.services.session_watch import tell_ended
from fluxiq.services.tenant import Tenant

ONE_TIME_LETTERS: Final = 20  # 119 bits


async def open_user(caller: Caller, request: OpenUser, idempotency: Idempotency | None) -> Answer:
    """A user with a one-time password. A replay has no `password`: only its hash is kept.

    Raises Refused: invalid_document, forbidden for a role above the caller's, user_exists,
    merchant_not_found.
    """
    tenant, merchant_id = caller.tenant, _whose(caller, request.merchant_id)
    _check_rank(caller, request.role, merchant_id)
    user, password = await new_user(
        tenant,
        document=request.document,
        name=request.name,
        role=request.role,
        merchant_id=merchant_id,
    )
    opening = await tenant.users.open_user(
        UserOpening(
            user=user,
            actor=caller.actor,
            response=encode(Data(user_view(user))),
            claimed_by=caller.belongs_to or tenant.ispb,
            idempotency=idempotency,
        )
    )
    if not isinstance(opening, Fresh):
        return replay(opening)
    return Answer(body=encode(Data(user_view(user, password))))


async def new_user(
    tenant: Tenant, *, document: str, name: str, role: Role, merchant_id: str | None
) -> tuple[User, str]:
    """A user that is on no paper yet, and the text of the one-time password."""
    _, bare = parse_document(document)
    password, now = tenant.ids.letters(ONE_TIME_LETTERS), tenant.clock.now()
    user = User(
        id=tenant.ids.new("usr"),
        merchant_id=merchant_id,
        document=bare,
        name=name,
        role=role,
        status=UserStatus.ACTIVE,
        password_hash=await tenant.passwords.hash(password),
        one_time_until=now + timedelta(seconds=tenant.settings.identity.one_time_seconds),
        created_at=now,
        updated_at=now,
    )
    return user, password


async def list_users(caller: Caller, merchant_id: str | None, page: Page) -> Listing[UserView]:
    """Newest first, the removed ones too: one's own merchant's, or of the institution's people
    those of the merchant they name, else their own.
    """
    users, total = await caller.tenant.users.list_users(_whose(caller, merchant_id), page)
    return listing([user_view(one) for one in users], page, total)


async def show_user(caller: Caller, user_id: str) -> UserView:
    """Raises Refused("user_not_found"), also for one whom the caller may not see."""
    return user_view(await _own(caller, user_id))


async def edit_user(caller: Caller, user_id: str, request: EditUser) -> UserView:
    """Raises Refused: user_not_found, forbidden, last_owner."""
    user = await _below(caller, user_id)
    if request.role is not None:
        _check_rank(caller, request.role, user.merchant_id)

    changes: list[UserChange] = []
    if request.name is not None:
        changes.append(Renamed(name=request.name))
    if request.role is not None and request.role is not user.role:
        changes.append(RoleGiven(role=request.role))
    if request.status is not None:
        changes.append(Locked() if request.status == "locked" else Unlocked())
    return user_view(await _change(caller, user_id, *changes))


async def remove_user(caller: Caller, user_id: str) -> None:
    """For ever; the document may come back as another user. Twice is once: then it is not found.

    Raises Refused: user_not_found, forbidden, last_owner.
    """
    await _below(caller, user_id)
    await _change(caller, user_id, Removed())


async def reset_password(caller: Caller, user_id: str, request: ResetPassword) -> UserView:
    """Another one-time password, in place of the password. Raises Refused: user_not_found,
    forbidden.
    """
    await _below(caller, user_id)
    tenant, password = caller.tenant, caller.tenant.ids.letters(ONE_TIME_LETTERS)
    life = timedelta(seconds=tenant.settings.identity.one_time_seconds)
    change = PasswordReset(
        password_hash=await tenant.passwords.hash(password),
        until=tenant.clock.now() + life,
        without_totp=request.totp,
    )
    return user_view(await _change(caller, user_id, change), password)


async def _change(caller: Caller, user_id: str, *changes: UserChange) -> User:
    tenant = caller.tenant
    changed = await tenant.users.change_user(user_id, changes, caller.actor, tenant.clock.now())
    if changed is None:
        raise _not_found(user_id)
    await tell_ended(tenant, changed.ended)
    return changed.user


async def _own(caller: Caller, user_id: str) -> User:
    """A user whom the caller sees: of the same merchant; of the institution's people everybody."""
    user = await caller.tenant.users.find_user(user_id)
    if user is None or caller.belongs_to not in {None, user.merchant_id}:
        raise _not_found(user_id)
    return user


async def _below(caller: Caller, user_id: str) -> User:
    """One whom the caller may change."""
    user = await _own(caller, user_id)
    _check_rank(caller, user.role, user.merchant_id)
    return user


def _whose(caller: Caller, merchant_id: str | None) -> str | None:
    """The merchant that is meant. Raises Refused("merchant_not_found") for another one's."""
    if caller.belongs_to is None:
        return merchant_id
    if merchant_id not in {None, caller.belongs_to}:
        raise Refused("merchant_not_found", f"no merchant {merchant_id}", field="merchant_id")
    return caller.belongs_to


def _check_rank(caller: Caller, role: Role, merchant_id: str | None) -> None:
    for permission in permissions_of(role, merchant_id):
        if not caller.may(permission):
            raise Refused(
                "forbidden",
                f"a role of {role} has {permission}, which you lack",
                field="role",
                details={"permission": permission},
            )


def _not_found(user_id: str) -> Refused:
    return Refused("user_not_found", f"no user {user_id}", field="user_id")
