"""What operators ask and order of the seals: see the keys, rotate them, wrap them anew."""

from datetime import timedelta
from typing import TYPE_CHECKING

from actors.admin.arguments import Arguments
from actors.admin.verbs import Hooks, Verb
from actors.platform import Platform
from actors.tenants import tenant_of
from fluxiq.ports.sealing_keys import KeyPurpose, SealingState, WrappedKey
from fluxiq.sealing.keyring import MESSAGES_MAX
from fluxiq.sealing.keys import rewrap, rotate
from fluxiq.services.reseal import RETIRE_SECONDS
from fluxiq.services.tenant import Tenant

if TYPE_CHECKING:
    from actors.admin.desk import Desk


def sealing_verbs(platform: Platform) -> Hooks:
    """The verbs, for the institutions that are open when one is asked."""

    async def sealing(_desk: "Desk", arguments: Arguments) -> object:
        tenant = tenant_of(platform.tenants, arguments)
        arguments.done()
        return await _status(platform, tenant)

    async def sealing_rotate(_desk: "Desk", arguments: Arguments) -> object:
        tenant = tenant_of(platform.tenants, arguments)
        reason = arguments.reason()
        arguments.done()
        key = await rotate(
            tenant.ispb, tenant.sealing.keys, platform.key_wrapper, tenant.clock.now()
        )
        if key is not None:
            await tenant.audit.note("operator", "sealing.rotated", f"key {key.id}: {reason}", key)
        return await _status(platform, tenant)

    async def sealing_rewrap(_desk: "Desk", arguments: Arguments) -> object:
        tenant = tenant_of(platform.tenants, arguments)
        reason = arguments.reason()
        arguments.done()
        changed = await rewrap(tenant.ispb, tenant.sealing.keys, platform.key_wrapper)
        state = await tenant.sealing.keys.state()
        await tenant.audit.note("operator", "sealing.rewrapped", f"{changed}: {reason}", state)
        return await _status(platform, tenant)

    return Hooks(
        looks={"sealing": Verb(sealing, ("institution",))},
        deeds={
            "sealing_rotate": Verb(sealing_rotate, ("institution", "reason"), for_two=True),
            "sealing_rewrap": Verb(sealing_rewrap, ("institution", "reason"), for_two=True),
        },
    )


async def _status(platform: Platform, tenant: Tenant) -> dict[str, object]:
    """The keys, and how far everything is sealed under the current one: column by column."""
    state = await tenant.sealing.keys.state()
    known = {one.what: one for one in await tenant.sealing.rows.progress(state.current.id)}
    walked = [known.get(what) for what in tenant.sealing.rows.columns()]
    return {
        "institution": tenant.ispb,
        "wrapped_by": await platform.key_wrapper.current(),
        "settled": state.is_settled,
        "plain_allowed": state.plain_allowed,
        "keys": [_key(state, key) for key in state.keys],
        "columns_done": sum(one is not None and one.done_at is not None for one in walked),
        "columns": [
            {
                "name": what,
                "seen": 0 if one is None else one.seen,
                "resealed": 0 if one is None else one.resealed,
                "done_at": None if one is None else one.done_at,
            }
            for what, one in zip(tenant.sealing.rows.columns(), walked, strict=True)
        ],
    }


def _key(state: SealingState, key: WrappedKey) -> dict[str, object]:
    retires = None
    if key in state.in_use and key != state.current:
        retires = state.current.created_at + timedelta(seconds=RETIRE_SECONDS)
    return {
        "id": key.id,
        "purpose": key.purpose,
        "current": key == state.current,
        "wrapped_by": key.wrapped_by,
        "messages": key.messages,
        "messages_max": MESSAGES_MAX if key.purpose is KeyPurpose.DATA else 0,
        "created_at": key.created_at,
        "retires_after": retires,
        "retired_at": key.retired_at,
    }
