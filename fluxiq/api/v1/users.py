"""People with a password: of a merchant, or of the institution itself."""

from typing import Annotated

from msgspec import Meta

from fluxiq.api.contract import NO_CONTENT, Call, PathText, Rate, Reply, Routes, answered
from fluxiq.api.paging import PageAsked
from fluxiq.services import users as use
from fluxiq.services.messages.envelope import Data, Listing
from fluxiq.services.messages.users import EditUser, OpenUser, ResetPassword, UserView

routes = Routes("/api/v1/users", institution=True)

READ = "users:read"
WRITE = "users:write"


class UsersAsked(PageAsked, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Whose: the institution's people may name a merchant; merchants see their own."""

    merchant_id: Annotated[str, Meta(min_length=1, max_length=64)] | None = None


@routes.post(
    permission=WRITE,
    rate=Rate.WRITE,
    reply=Data[UserView],
    status=201,
    refuses=("invalid_document", "user_exists", "merchant_not_found", "idempotency_key_reused"),
)
async def open_user(call: Call, body: OpenUser) -> Reply:
    """Make a user; the one-time password is shown only now, and changed at the first log-in."""
    return answered(await use.open_user(call.known_caller, body, call.idempotency(body)))


@routes.get(
    permission=READ, rate=Rate.READ, reply=Listing[UserView], refuses=("merchant_not_found",)
)
async def list_users(call: Call, query: UsersAsked) -> Listing[UserView]:
    """The users, newest first, the removed ones too."""
    return await use.list_users(call.known_caller, query.merchant_id, query.wanted)


@routes.get(
    "/{user_id}",
    permission=READ,
    rate=Rate.READ,
    reply=Data[UserView],
    refuses=("user_not_found",),
)
async def show_user(call: Call, user_id: PathText) -> Data[UserView]:
    """One user."""
    return Data(await use.show_user(call.known_caller, user_id))


@routes.patch(
    "/{user_id}",
    permission=WRITE,
    rate=Rate.WRITE,
    reply=Data[UserView],
    refuses=("user_not_found", "last_owner", "user_changed"),
)
async def edit_user(call: Call, user_id: PathText, body: EditUser) -> Data[UserView]:
    """Give a name or a role, lock or unlock. A new role and a lock end the user's sessions."""
    return Data(await use.edit_user(call.known_caller, user_id, body))


@routes.delete(
    "/{user_id}",
    permission=WRITE,
    rate=Rate.WRITE,
    refuses=("user_not_found", "last_owner", "user_changed"),
)
async def remove_user(call: Call, user_id: PathText) -> Reply:
    """Remove a user for ever."""
    await use.remove_user(call.known_caller, user_id)
    return NO_CONTENT


@routes.post(
    "/{user_id}/reset-password",
    permission=WRITE,
    rate=Rate.WRITE,
    reply=Data[UserView],
    status=200,
    refuses=("user_not_found", "user_changed"),
)
async def reset_password(call: Call, user_id: PathText, body: ResetPassword) -> Data[UserView]:
    """Give another one-time password, shown only now. The user's sessions end."""
    return Data(await use.reset_password(call.known_caller, user_id, body))
