"""Charges that the provider hosts: a dynamic code, or a static one when it does not."""

from typing import Any

import msgspec
import pytest

from fluxiq.domain import brcode
from fluxiq.domain.brcode import PointOfInitiation
from fluxiq.domain.job import JobState, advance
from fluxiq.domain.records import ChargeStatus, ReceiptReason
from fluxiq.ports import Idempotency
from fluxiq.services.cancel_charge import cancel_charge
from fluxiq.services.close_location import CLOSE_LOCATION
from fluxiq.services.messages.charges import OpenCharge
from fluxiq.services.open_charge import open_charge
from fluxiq.services.run_jobs import attempt
from tests.support.memory_world import Fault, MemoryWorld

Made = dict[str, Any]


@pytest.fixture
def hosting(world: MemoryWorld) -> MemoryWorld:
    world.provider.hosts = True
    return world


async def charge(world: MemoryWorld, *, under: str | None = None, **said: Any) -> Made:
    request = OpenCharge(**{"amount": 150_00, **said})
    key = None if under is None else Idempotency(key=under, digest=msgspec.json.encode(request))
    answer = await open_charge(world.tenant, world.merchant_id, request, key)
    made: Made = msgspec.json.decode(answer.body)["data"]
    return made


async def close_locations(world: MemoryWorld) -> list[JobState | None]:
    """What becomes of the jobs that close locations, when a worker has claimed them."""
    claimed = [
        msgspec.structs.replace(one, state=JobState.EXECUTING, attempt=1)
        for one in world.jobs.rows.values()
        if one.kind == CLOSE_LOCATION.name
    ]
    ends = [(await attempt(world.tenant, CLOSE_LOCATION, one)).ending for one in claimed]
    return [advance(JobState.EXECUTING, one.event) for one in ends]


async def test_a_hosted_charge_has_a_code_that_leads_to_it_and_says_nothing_else(
    hosting: MemoryWorld,
) -> None:
    made = await charge(hosting, expiration=600, description="two coffees")
    code = brcode.parse(made["qr_code"])
    assert code.url == f"pix.example.com/qr/v2/{made['txid']}"
    assert (code.key, code.amount, code.txid) == (None, None, None)
    assert code.point_of_initiation is PointOfInitiation.ONCE

    wanted = hosting.provider.hosted[made["txid"]]
    assert made["txid"] == made["id"][-26:]
    assert (wanted.amount, wanted.lasts_seconds) == (150_00, 600)
    assert (wanted.pix_key, wanted.description) == (hosting.merchant.pix_keys[0], "two coffees")


async def test_it_is_paid_by_its_txid_as_any_other(hosting: MemoryWorld) -> None:
    made = await charge(hosting)
    await hosting.receive(hosting.received(150_00, txid=made["txid"]))
    await hosting.run_rooms()
    assert hosting.store.charges[made["id"]].status is ChargeStatus.PAID


@pytest.mark.parametrize("fault", [Fault.REFUSED, Fault.ANSWER_LOST])
async def test_when_the_provider_hosts_none_the_code_is_static_and_is_paid(
    hosting: MemoryWorld, fault: Fault
) -> None:
    hosting.faults.at["provider.open_location"] = fault
    made = await charge(hosting)
    code = brcode.parse(made["qr_code"])
    assert (code.url, code.key, code.amount) == (None, hosting.merchant.pix_keys[0], 150_00)
    assert code.txid == made["txid"] == made["id"][-25:]

    await hosting.receive(hosting.received(150_00, txid=made["txid"]))
    await hosting.run_rooms()
    assert hosting.store.charges[made["id"]].status is ChargeStatus.PAID


async def test_a_location_that_no_code_can_carry_is_none(
    hosting: MemoryWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def too_long(wanted: object) -> str:
        del wanted
        return "pix.example.com/" + "x" * 77

    monkeypatch.setattr(hosting.provider, "open_location", too_long)
    assert brcode.parse((await charge(hosting))["qr_code"]).is_static


async def test_a_repeated_request_asks_the_provider_for_nothing(hosting: MemoryWorld) -> None:
    first = await charge(hosting, under="k")
    hosting.faults.calls.clear()
    assert await charge(hosting, under="k") == first
    assert "provider.open_location" not in hosting.faults.calls


async def test_cancelled_it_is_removed_where_payers_find_it(hosting: MemoryWorld) -> None:
    made = await charge(hosting)
    await cancel_charge(hosting.tenant, hosting.merchant_id, made["id"], None)
    assert hosting.provider.hosted, "by a job, not by the merchant's call"
    assert await close_locations(hosting) == [JobState.COMPLETED]
    assert not hosting.provider.hosted


async def test_a_provider_that_is_away_hears_of_the_cancellation_later(
    hosting: MemoryWorld,
) -> None:
    made = await charge(hosting)
    await cancel_charge(hosting.tenant, hosting.merchant_id, made["id"], None)
    hosting.faults.at["provider.close_location"] = Fault.REFUSED
    assert await close_locations(hosting) == [JobState.RETRYABLE]
    assert await close_locations(hosting) == [JobState.COMPLETED]


async def test_whoever_pays_before_the_provider_has_heard_is_credited(hosting: MemoryWorld) -> None:
    made = await charge(hosting)
    await cancel_charge(hosting.tenant, hosting.merchant_id, made["id"], None)
    await hosting.receive(hosting.received(150_00, txid=made["txid"]))
    await hosting.run_rooms()
    [receipt] = [one for one in hosting.store.receipts.values() if one.amount == 150_00]
    assert receipt.reason is ReceiptReason.CHARGE_CANCELLED


async def test_of_a_static_code_nothing_is_told_to_the_provider(world: MemoryWorld) -> None:
    made = await charge(world)
    assert brcode.parse(made["qr_code"]).is_static
    await cancel_charge(world.tenant, world.merchant_id, made["id"], None)
    assert await close_locations(world) == []
    assert not [one for one in world.faults.calls if one.startswith("provider.")]
