"""Charges: drawn up with their BR Code, replayed by key, expired by time."""

from typing import Any

import msgspec
import pytest

from fluxiq.domain import brcode
from fluxiq.domain.records import ChargeStatus
from fluxiq.errors import Refused
from fluxiq.ports import Idempotency
from fluxiq.services.messages.charges import OpenCharge
from fluxiq.services.messages.envelope import Answer
from fluxiq.services.messages.words import PersonSaid
from fluxiq.services.open_charge import open_charge, show_charge
from fluxiq.services.sweep import EXPIRY_GRACE_SECONDS, SWEEP_MAX, expire_charges
from tests.support.memory_world import Fault, MemoryWorld


async def charge(world: MemoryWorld, *, under: str | None = None, **said: Any) -> Answer:
    request = OpenCharge(**{"amount": 150_00, **said})
    idempotency = None
    if under is not None:
        idempotency = Idempotency(key=under, digest=msgspec.json.encode(request))
    return await open_charge(world.tenant, world.merchant_id, request, idempotency)


def data(answer: Answer) -> Any:
    return msgspec.json.decode(answer.body)["data"]


async def test_a_charge_has_a_code_that_says_whom_and_how_much(world: MemoryWorld) -> None:
    made = data(await charge(world, description="two coffees"))

    parsed = brcode.parse(made["qr_code"])
    assert parsed.amount == 150_00
    assert parsed.key == world.merchant.pix_keys[0]
    assert parsed.txid == made["txid"] == made["id"][-25:]
    assert made["qr_code_image"].startswith("data:image/png;base64,")
    assert (made["status"], made["description"]) == ("pending", "two coffees")
    assert world.store.events[-1].type == "pix.charge.created"


async def test_a_charge_lasts_as_long_as_it_is_told_or_an_hour(world: MemoryWorld) -> None:
    lasts = []
    for expiration in (None, 60):
        made = world.store.charges[data(await charge(world, expiration=expiration))["id"]]
        lasts.append((made.expires_at - made.created_at).total_seconds())

    assert lasts == [world.tenant.settings.pix.charge_expiration_seconds, 60]


async def test_the_document_of_a_payer_is_kept_bare_and_must_be_valid(world: MemoryWorld) -> None:
    said = PersonSaid(document="529.982.247-25", name="Maria")
    assert data(await charge(world, payer=said))["payer"]["document"] == "52998224725"

    with pytest.raises(Refused) as caught:
        await charge(world, payer=PersonSaid(document="52998224724", name="Maria"))
    assert caught.value.details["field"] == "payer.document"


async def test_an_account_without_a_key_cannot_be_paid(world: MemoryWorld) -> None:
    world.store.pix_keys.clear()

    with pytest.raises(Refused) as caught:
        await charge(world)
    assert caught.value.code == "no_pix_key"


async def test_a_key_used_again_answers_the_first_charge_and_used_otherwise_is_refused(
    world: MemoryWorld,
) -> None:
    first = await charge(world, under="order 1")
    again = await charge(world, under="order 1")
    with pytest.raises(Refused) as caught:
        await charge(world, under="order 1", amount=1)

    assert (again.body, again.replayed) == (first.body, True)
    assert caught.value.code == "idempotency_key_reused"
    assert len(world.store.charges) == 1


async def test_without_a_key_every_request_is_a_charge(world: MemoryWorld) -> None:
    assert data(await charge(world))["id"] != data(await charge(world))["id"]


async def test_a_charge_is_shown_to_its_merchant_and_to_nobody_else(world: MemoryWorld) -> None:
    made = data(await charge(world))
    other = await world.enroll(document="12345678909")

    shown = await show_charge(world.tenant, world.merchant_id, made["id"])
    assert msgspec.to_builtins(shown) == made
    with pytest.raises(Refused) as caught:
        await show_charge(world.tenant, other.merchant.id, made["id"])
    assert caught.value.code == "charge_not_found"


async def test_a_charge_past_its_time_and_grace_expires_once_and_its_merchant_is_told(
    world: MemoryWorld,
) -> None:
    made = data(await charge(world, expiration=60))
    world.clock.pass_seconds(60 + EXPIRY_GRACE_SECONDS)
    assert await expire_charges(world.tenant) == 0

    world.clock.pass_seconds(1)
    assert await expire_charges(world.tenant) == 1
    assert await expire_charges(world.tenant) == 0

    assert world.store.charges[made["id"]].status is ChargeStatus.EXPIRED
    told = [one for one in world.store.events if one.type == "pix.charge.expired"]
    assert [(one.data.id, one.data.status) for one in told] == [(made["id"], "expired")]


async def test_an_expiry_whose_answer_is_lost_is_told_once(world: MemoryWorld) -> None:
    await charge(world, expiration=60)
    world.clock.pass_seconds(3600)
    world.faults.plan = [None, Fault.ANSWER_LOST]
    with pytest.raises(Exception, match="archive_expiries"):
        await expire_charges(world.tenant)

    await expire_charges(world.tenant)

    assert [one.type for one in world.store.events].count("pix.charge.expired") == 1


async def test_a_sweep_takes_a_bounded_number_and_the_next_takes_the_rest(
    world: MemoryWorld,
) -> None:
    made = world.store.charges[data(await charge(world, expiration=60))["id"]]
    for number in range(SWEEP_MAX):
        copy = msgspec.structs.replace(made, id=f"chg_{number:026d}", txid=f"{number:025d}")
        world.store.charges[copy.id] = copy
    world.clock.pass_seconds(3600)

    assert await expire_charges(world.tenant) == SWEEP_MAX
    assert await expire_charges(world.tenant) == 1
