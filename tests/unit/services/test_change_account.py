"""An account that two people change at the same moment."""

from typing import Any

import msgspec
import pytest

from fluxiq.domain.records import Account, AccountStatus
from fluxiq.errors import Refused
from fluxiq.ports import Archived
from fluxiq.ports.accounts import AccountChanged
from fluxiq.services.change_account import TRIES_MAX, block_account, change_account
from fluxiq.services.messages.accounts import ChangeAccount
from tests.support.memory_world import MemoryWorld

ACTOR = "key_1"


def meddle(world: MemoryWorld, times: int) -> None:
    """Somebody else renames the account, `times` times, just before a change is written."""
    write = world.accounts.change
    left = [f"name {number}" for number in range(times)]

    async def change(changed: AccountChanged) -> Archived | None:
        if left:
            there = world.store.accounts[changed.account.id]
            world.store.accounts[there.id] = msgspec.structs.replace(there, name=left.pop())
        return await write(changed)

    world.accounts.change = change  # type: ignore[method-assign]


def now_of(world: MemoryWorld) -> Account:
    return world.store.accounts[world.merchant.account.id]


async def test_what_somebody_else_changed_meanwhile_is_kept(world: MemoryWorld) -> None:
    meddle(world, 1)
    account_id = world.merchant.account.id
    view = await block_account(world.tenant, world.merchant_id, ACTOR, account_id, "alarm")

    assert now_of(world).name == view.name == "name 0"
    assert now_of(world).status is AccountStatus.BLOCKED


async def test_who_is_overtaken_again_and_again_is_told(world: MemoryWorld) -> None:
    meddle(world, TRIES_MAX)
    account_id = world.merchant.account.id
    with pytest.raises(Refused) as refused:
        await block_account(world.tenant, world.merchant_id, ACTOR, account_id, "alarm")

    assert refused.value.code == "account_changed"
    assert now_of(world).status is AccountStatus.ACTIVE


@pytest.mark.parametrize("said", [{}, {"name": "Padaria do Bairro"}, {"metadata": {}}])
async def test_a_change_to_what_is_there_tells_nobody(
    world: MemoryWorld, said: dict[str, Any]
) -> None:
    events = len(world.store.events)
    account_id = world.merchant.account.id
    request = ChangeAccount(**said)
    await change_account(world.tenant, world.merchant_id, ACTOR, account_id, request)

    assert len(world.store.events) == events


async def test_an_inactive_account_is_neither_blocked_nor_woken(world: MemoryWorld) -> None:
    account = world.merchant.account
    inactive = msgspec.structs.replace(account, status=AccountStatus.INACTIVE)
    world.store.accounts[account.id] = inactive
    with pytest.raises(Refused) as refused:
        await block_account(world.tenant, world.merchant_id, ACTOR, account.id, "alarm")

    assert refused.value.code == "account_not_active"
    assert now_of(world) == inactive
