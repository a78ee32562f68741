"""What is deleted for its age: by class, in bites, looked at before, and counted."""

from collections import Counter
from datetime import timedelta

import pytest

from fluxiq import settings as config
from fluxiq.errors import SettingsInvalid
from fluxiq.ports.upkeep import RecordClass
from fluxiq.services.prune import BITE, ages, count_aged, prune_aged
from fluxiq.settings import Retention
from tests.support.memory_world import MemoryWorld

DAY = 86_400.0


async def test_idempotency_keys_are_forgotten_after_thirty_days(world: MemoryWorld) -> None:
    await world.pay(40_00)
    assert len(world.store.answers) == 1

    world.clock.pass_seconds(30 * DAY - 1)
    assert (await prune_aged(world.tenant))[RecordClass.IDEMPOTENCY_KEYS] == 0
    world.clock.pass_seconds(2)
    assert (await prune_aged(world.tenant))[RecordClass.IDEMPOTENCY_KEYS] == 1
    assert world.store.answers == {}


@pytest.mark.parametrize(
    "what", [RecordClass.DELIVERIES, RecordClass.LIVE_EVENTS, RecordClass.STATEMENT_LINES]
)
async def test_each_class_goes_by_its_own_age_bite_by_bite(
    world: MemoryWorld, what: RecordClass
) -> None:
    age = ages(world.tenant.settings.retention)[what]
    old = world.clock.at - age - timedelta(seconds=1)
    world.upkeep.rows[what] = [old] * (BITE + 3) + [world.clock.at - age]

    removed = await prune_aged(world.tenant)

    assert removed[what] == BITE + 3
    assert world.upkeep.rows[what] == [world.clock.at - age]
    assert world.removals.counts == Counter({what: BITE + 3})


async def test_a_look_deletes_nothing(world: MemoryWorld) -> None:
    age = ages(world.tenant.settings.retention)[RecordClass.DELIVERIES]
    old = [world.clock.at - age - timedelta(seconds=1)] * 2
    world.upkeep.rows[RecordClass.DELIVERIES] = list(old)

    assert (await count_aged(world.tenant))[RecordClass.DELIVERIES] == 2
    assert world.upkeep.rows[RecordClass.DELIVERIES] == old
    assert not world.removals.counts


def test_attempts_go_before_their_deliveries_and_each_setting_is_used() -> None:
    retention = config.load({}).retention
    kept = ages(retention)

    order = list(kept)
    attempts, deliveries = RecordClass.DELIVERY_ATTEMPTS, RecordClass.DELIVERIES
    assert order.index(attempts) < order.index(deliveries)
    assert set(kept) == set(RecordClass) - {RecordClass.JOBS}
    fields = {name.removesuffix("_days") for name in Retention.__struct_fields__}
    assert fields == {what.value for what in kept} | {"cancelled_jobs", "discarded_jobs"}


def test_a_key_on_which_callers_rely_is_kept_for_thirty_days_at_least() -> None:
    with pytest.raises(SettingsInvalid, match="idempotency_keys_days"):
        config.load({"FLUXIQ_RETENTION__IDEMPOTENCY_KEYS_DAYS": "29"})


def test_what_is_looked_at_every_hour_is_longer_than_its_edge() -> None:
    with pytest.raises(SettingsInvalid, match=r"reconciliation\.recent_seconds"):
        config.load({"FLUXIQ_RECONCILIATION__RECENT_SECONDS": "300"})
