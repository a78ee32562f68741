"""A merchant renames an account, or stops what leaves it.

A change is written over exactly what was read. Whoever else changed the account meanwhile is not
overwritten: the change is drawn up again on what is there now.
"""

from collections.abc import Callable

import msgspec

from fluxiq.domain.account import AccountEvent, advance
from fluxiq.domain.identifiers import IdPrefix
from fluxiq.domain.records import Account, Event
from fluxiq.errors import Refused
from fluxiq.ports.accounts import AccountChanged
from fluxiq.services.accounts import find_account, view_of
from fluxiq.services.messages.accounts import AccountView, ChangeAccount
from fluxiq.services.tenant import Tenant

TRIES_MAX = 3


async def change_account(
    tenant: Tenant, merchant_id: str, actor: str, account_id: str, request: ChangeAccount
) -> AccountView:
    """Raises Refused: account_not_found, account_changed."""

    def change(account: Account) -> Account:
        said = msgspec.structs.asdict(request)
        given = {name: value for name, value in said.items() if value is not msgspec.UNSET}
        return msgspec.structs.replace(account, **given)

    return await _change(
        tenant, merchant_id, actor, account_id, action="account.updated", change=change
    )


async def block_account(
    tenant: Tenant, merchant_id: str, actor: str, account_id: str, reason: str
) -> AccountView:
    """No payouts and no transfers out from now on (others notice within a second). Again with
    another reason: the reason changes. Raises Refused, also account_not_active for an inactive one.
    """

    def change(account: Account) -> Account:
        after = _advance(account, AccountEvent.BLOCKED)
        return msgspec.structs.replace(after, block_reason=reason)

    return await _change(
        tenant, merchant_id, actor, account_id, action="account.blocked", change=change
    )


async def unblock_account(
    tenant: Tenant, merchant_id: str, actor: str, account_id: str, reason: str = ""
) -> AccountView:
    """`reason` is for the audit trail. Raises Refused, also account_not_active for an inactive
    one.
    """

    def change(account: Account) -> Account:
        after = _advance(account, AccountEvent.UNBLOCKED)
        return msgspec.structs.replace(after, block_reason=None)

    return await _change(
        tenant, merchant_id, actor, account_id, action="account.updated", change=change, note=reason
    )


async def _change(
    tenant: Tenant,
    merchant_id: str,
    actor: str,
    account_id: str,
    *,
    action: str,
    change: Callable[[Account], Account],
    note: str = "",
) -> AccountView:
    """What changes nothing is not written and tells nobody: doing it twice is doing it once."""
    for _ in range(TRIES_MAX):
        before = await find_account(tenant, merchant_id, account_id)
        after = change(before)
        view = await view_of(tenant, after)
        if after == before:
            return view

        event = Event(
            id=tenant.ids.new(IdPrefix.EVENT),
            merchant_id=merchant_id,
            type=action,
            created_at=tenant.clock.now(),
            data=view,
        )
        archived = await tenant.accounts.change(
            AccountChanged(
                account=after,
                before=before,
                action=action,
                event=event,
                actor=actor,
                note=after.block_reason or note,
            )
        )
        if archived is not None:
            tenant.relay.ring()
            tenant.couriers.ring(archived.endpoint_ids)
            return view

    raise Refused("account_changed", f"others change account {account_id} at this moment")


def _advance(account: Account, event: AccountEvent) -> Account:
    status = advance(account.status, event)
    if status is None:
        raise Refused(
            "account_not_active", f"account {account.id} is {account.status}", field="account_id"
        )
    return msgspec.structs.replace(account, status=status)
