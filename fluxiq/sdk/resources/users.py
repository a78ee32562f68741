"""People with a password, as whoever manages them sees them."""

from datetime import datetime

from msgspec import Struct

from fluxiq.sdk.calls import C, Call, List, Resource
from fluxiq.sdk.request import Page, Request, data, delete, get, page_of, patch, path, post, said


class User(Struct, frozen=True, kw_only=True):
    """`document` is masked. `password` is there in the answer that gives it, once: a replay of that
    has none, since the platform keeps no copy; reset the password then.
    """

    id: str
    merchant_id: str | None
    name: str
    document: str
    role: str
    status: str
    totp: bool
    must_change_password: bool
    locked_until: datetime | None
    last_login_at: datetime | None
    created_at: datetime
    updated_at: datetime
    password: str | None = None


class Users(Resource[C]):
    @Call
    def create(
        self,
        *,
        document: str,
        name: str,
        role: str,
        merchant_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> Request[User]:
        """`role` is owner, manager or operator, and gives no more than you have."""
        body = said(document=document, name=name, role=role, merchant_id=merchant_id)
        return post("/users", data(User), body, idempotency_key)

    @Call
    def get(self, user_id: str) -> Request[User]:
        return get(path("/users/{}", user_id), data(User))

    @List
    def list(self, *, merchant_id: str | None = None) -> Request[Page[User]]:
        """Newest first, the removed ones too."""
        return page_of("/users", User, merchant_id=merchant_id)

    @Call
    def update(
        self,
        user_id: str,
        *,
        name: str | None = None,
        role: str | None = None,
        status: str | None = None,
    ) -> Request[User]:
        """`status` is active or locked. A new role and a lock end the user's sessions."""
        body = said(name=name, role=role, status=status)
        return patch(path("/users/{}", user_id), data(User), body)

    @Call
    def remove(self, user_id: str) -> Request[None]:
        """For ever."""
        return delete(path("/users/{}", user_id))

    @Call
    def reset_password(
        self, user_id: str, *, totp: bool = False, idempotency_key: str | None = None
    ) -> Request[User]:
        """Another one-time password; with `totp` the second factor is taken away too."""
        where = path("/users/{}/reset-password", user_id)
        return post(where, data(User), {"totp": totp}, idempotency_key)
