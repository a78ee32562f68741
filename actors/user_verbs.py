"""What operators do for people who cannot help themselves: the first owner, and a lost password.

Each of an institution: where there is only one, it need not be named. A password is told once, in
the answer; the book in which deeds are written has the deed, not the answer.
"""

from typing import TYPE_CHECKING

from msgspec import UNSET, to_builtins

from actors.admin.arguments import Arguments, BadArguments
from actors.admin.verbs import Hooks, Verb
from actors.tenants import tenant_of
from fluxiq.domain.roles import Role
from fluxiq.domain.user import User
from fluxiq.ports import Page
from fluxiq.services.messages.users import user_view
from fluxiq.services.operate_users import enroll_user, give_password
from fluxiq.services.tenant import Tenants

if TYPE_CHECKING:
    from actors.admin.desk import Desk

LISTED_MAX = 1000


def user_verbs(tenants: Tenants) -> Hooks:
    """The verbs, for the institutions that are open when one is asked."""

    async def users(_desk: "Desk", arguments: Arguments) -> object:
        tenant, merchant = tenant_of(tenants, arguments), arguments.text("merchant", "")
        arguments.done()
        found, _ = await tenant.users.list_users(merchant or None, Page(size=LISTED_MAX))
        return [_told(one) for one in found]

    async def user_add(_desk: "Desk", arguments: Arguments) -> object:
        tenant, document = tenant_of(tenants, arguments), arguments.text("document")
        name, role = arguments.text("person_name"), _role(arguments)
        merchant = arguments.text("merchant", "")
        arguments.reason()  # for the book alone
        arguments.done()
        user, password = await enroll_user(
            tenant, document=document, name=name, role=role, merchant_id=merchant or None
        )
        return _told(user, password)

    async def user_reset(_desk: "Desk", arguments: Arguments) -> object:
        tenant, user_id = tenant_of(tenants, arguments), arguments.text("id")
        without_totp = arguments.flag("totp")
        arguments.reason()
        arguments.done()
        user, password = await give_password(tenant, user_id, without_totp=without_totp)
        return _told(user, password)

    return Hooks(
        looks={"users": Verb(users, ("institution", "merchant"))},
        deeds={
            "user_add": Verb(
                user_add, ("institution", "document", "person_name", "role", "merchant", "reason")
            ),
            "user_reset": Verb(user_reset, ("institution", "id", "totp", "reason")),
        },
    )


def _told(user: User, password: str = "") -> object:
    return to_builtins(user_view(user, password or UNSET))


def _role(arguments: Arguments) -> Role:
    said = arguments.text("role")
    if said not in list(Role):
        raise BadArguments(f"role: must be one of {', '.join(Role)}")
    return Role(said)
