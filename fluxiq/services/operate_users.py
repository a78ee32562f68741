"""What the platform itself does with users: nobody is there yet who could, or nobody can any more.

The actor in the trail is the platform; which operator it was is beside it.
"""

from datetime import timedelta
from typing import Final

from msgspec.structs import replace

from fluxiq.domain.roles import Role
from fluxiq.domain.user import PasswordReset, Unlocked, User
from fluxiq.errors import Refused
from fluxiq.ports import Fresh
from fluxiq.ports.users import UserOpening
from fluxiq.services.session_watch import tell_ended
from fluxiq.services.tenant import Tenant
from fluxiq.services.users import ONE_TIME_LETTERS, new_user

ACTOR: Final = "platform"


async def enroll_user(
    tenant: Tenant,
    *,
    document: str,
    name: str,
    role: Role,
    merchant_id: str | None,
    one_time: bool = True,
) -> tuple[User, str]:
    """A user, and their password: to be changed at the first log-in unless `one_time` is false,
    which is for demos. Raises Refused: invalid_document, user_exists, merchant_not_found.
    """
    user, password = await new_user(
        tenant, document=document, name=name, role=role, merchant_id=merchant_id
    )
    if not one_time:
        user = replace(user, one_time_until=None)
    opening = await tenant.users.open_user(
        UserOpening(user=user, actor=ACTOR, response=b"", claimed_by=tenant.ispb, idempotency=None)
    )
    assert isinstance(opening, Fresh), "without a key there is nothing to replay"
    return user, password


async def give_password(tenant: Tenant, user_id: str, *, without_totp: bool) -> tuple[User, str]:
    """Another one-time password; a lock of any kind is opened. Raises Refused("user_not_found")."""
    password = tenant.ids.letters(ONE_TIME_LETTERS)
    life = timedelta(seconds=tenant.settings.identity.one_time_seconds)
    reset = PasswordReset(
        password_hash=await tenant.passwords.hash(password),
        until=tenant.clock.now() + life,
        without_totp=without_totp,
    )
    changes, now = (reset, Unlocked()), tenant.clock.now()
    changed = await tenant.users.change_user(user_id, changes, ACTOR, now)
    if changed is None:
        raise Refused("user_not_found", f"no user {user_id}", field="user_id")

    await tell_ended(tenant, changed.ended)
    return changed.user, password
