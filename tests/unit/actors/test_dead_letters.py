"""Dead letters at work: a worker makes one, an operator reads it and has it replayed or not."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from structlog.testing import capture_logs

from actors.branch import Branch
from actors.dead_letters import dead_letter_verbs, failing
from actors.queues import Queue
from fluxiq.admin.render_dead_letters import render_holds, render_letter, render_letters
from fluxiq.bus import Delivery
from fluxiq.domain.dead_letter import LetterState
from fluxiq.domain.records import OutboxEntry
from fluxiq.services.dead_letters import message_id
from fluxiq.services.watch_holds import watch_holds
from fluxiq.telemetry.metrics import Metrics
from tests.support.admin_desk import ask, open_desk
from tests.support.memory_world import ISPB, MemoryWorld


async def opened() -> MemoryWorld:
    world = await MemoryWorld(payout_amount_max=1_000_00).open()
    await world.fund(100_00)
    return world


async def order(world: MemoryWorld) -> OutboxEntry:
    """What announces a payout that is held."""
    held = await world.held()
    [owed] = [one for one in world.store.outbox.values() if one.work == held.id]
    return owed.entry


def branch_of(world: MemoryWorld) -> Branch:
    tenant = SimpleNamespace(get=lambda: world.tenant)
    metrics = Metrics(process=False)
    return cast("Branch", SimpleNamespace(ispb=ISPB, tenant=tenant, metrics=metrics))


def delivery_of(entry: OutboxEntry) -> Delivery:
    return Delivery(
        subject=entry.subject,
        body=entry.body,
        sequence=1,
        num_delivered=1,
        token="token",
        message_id=message_id(entry),
    )


async def die(world: MemoryWorld, entry: OutboxEntry) -> list[float | None]:
    """What the worker is told after each of its failures."""
    failed = failing(branch_of(world), Queue.ORDERS)
    times = world.tenant.settings.pix.failures_max
    return [await failed(delivery_of(entry), KeyError("a bug")) for _ in range(times)]


async def test_a_worker_tries_ever_later_and_then_never_again() -> None:
    world = await opened()
    entry = await order(world)
    branch = branch_of(world)
    failed = failing(branch, Queue.ORDERS)

    with capture_logs() as logs:
        told = [await failed(delivery_of(entry), KeyError("a bug")) for _ in range(5)]
        copy = await failed(delivery_of(entry), KeyError("a bug"))

    assert (told, copy) == ([1, 2, 4, 8, None], None)
    assert [one["event"] for one in logs] == [
        *["message_failed"] * 4,
        "message_died",
        "message_dropped",
    ]
    assert (logs[4]["log_level"], logs[4]["letter"]) == ("error", 1)
    counted = branch.metrics.exposition().decode()
    labels = f'{{institution="{ISPB}",queue="pix.out"}}'
    assert f"queue_failures_total{labels} 5.0" in counted
    assert f"dead_letters_total{labels} 1.0" in counted


async def test_an_operator_reads_a_letter(tmp_path: Path) -> None:
    world = await opened()
    entry = await order(world)
    await die(world, entry)
    async with open_desk(tmp_path, dead_letter_verbs, world.tenant) as at:
        [brief] = await ask(at, "dead_letters")
        whole = await ask(at, "dead_letter", id=1)
        missing = await ask(at, "dead_letter", id=2)
        everything = await ask(at, "dead_letters", state="any")
        none = await ask(at, "dead_letters", state="replayed")

    assert (brief["id"], brief["error"]) == (1, "KeyError: 'a bug'")
    assert (everything, none) == ([brief], [])
    assert whole["body"] == entry.body.decode()
    assert whole["payment_id"] == entry.reference
    assert missing["code"] == "dead_letter_not_found"
    assert entry.reference in render_letters([brief])
    assert "KeyError: 'a bug'" in render_letter(whole)
    assert render_letters([]) == "no such letters"


async def test_a_letter_is_replayed_and_the_post_room_is_rung(tmp_path: Path) -> None:
    world = await opened()
    entry = await order(world)
    await die(world, entry)
    world.relay.rings = 0
    async with open_desk(tmp_path, dead_letter_verbs, world.tenant) as at:
        refused = await ask(at, "dead_letter_replay", id=1)
        done = await ask(at, "dead_letter_replay", id=1, reason="fixed", yes=True)
        again = await ask(at, "dead_letter_replay", id=1, yes=True)

    assert refused["code"] == "needs_yes"
    assert done == {"replayed": [1]}
    assert again["code"] == "dead_letter_decided"
    assert world.relay.rings == 1
    assert world.dead_letters.audit[-1].endswith(": fixed")
    [owed] = [one for one in world.store.outbox.values() if ".pix.out" in one.entry.subject]
    assert owed.entry.body == entry.body


async def test_all_letters_are_replayed_in_the_order_in_which_they_died(tmp_path: Path) -> None:
    world = await opened()
    for _ in range(2):
        await die(world, await order(world))
        world.clock.pass_seconds(1)
    async with open_desk(tmp_path, dead_letter_verbs, world.tenant) as at:
        both = await ask(at, "dead_letter_replay", id=1, all=True, yes=True)
        neither = await ask(at, "dead_letter_replay", yes=True)
        done = await ask(at, "dead_letter_replay", all=True, yes=True)

    assert both["code"] == neither["code"] == "bad_arguments"
    assert done == {"replayed": [1, 2]}


async def test_a_letter_is_discarded_and_says_why(tmp_path: Path) -> None:
    world = await opened()
    await die(world, await order(world))
    async with open_desk(tmp_path, dead_letter_verbs, world.tenant) as at:
        done = await ask(at, "dead_letter_discard", id=1, reason="paid by hand", yes=True)

    assert (done["state"], done["reason"]) == (LetterState.DISCARDED, "paid by hand")


@pytest.mark.parametrize("state", ["sleeping", ""])
async def test_a_state_that_there_is_not_is_named(tmp_path: Path, state: str) -> None:
    world = await opened()
    async with open_desk(tmp_path, dead_letter_verbs, world.tenant) as at:
        refused = await ask(at, "dead_letters", state=state)

    assert refused["code"] == "bad_arguments"
    assert refused["message"].startswith("state:")


async def test_an_operator_sees_the_holds_that_need_a_person(tmp_path: Path) -> None:
    world = await opened()
    await die(world, await order(world))
    await world.dead_letters.discard(1, world.clock.now(), "no")
    world.faults.away.add("provider")
    world.clock.pass_seconds(world.tenant.settings.pix.hold_grace_seconds + 1)
    await watch_holds(world.tenant)
    async with open_desk(tmp_path, dead_letter_verbs, world.tenant) as at:
        [hold] = await ask(at, "holds")

    assert (hold["kind"], hold["amount"]) == ("pix_out", 40_00)
    assert "does not answer" in render_holds([hold])
    assert render_holds([]) == "every hold has somebody at work on it"
