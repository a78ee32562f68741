"""The Door for providers: nothing is read before its signature, all is on paper before a 200."""

import pytest

from fluxiq.domain.records import NoticeKind
from fluxiq.errors import Refused, Unavailable
from fluxiq.ports import Callback
from fluxiq.services.receive_notices import _subject, receive_notices
from fluxiq.services.sealed_messages import opened_entry
from tests.support.memory_world import ISPB, LINK, Fault, MemoryWorld, signed


async def test_a_notice_is_written_and_handed_on_with_itself_as_the_sealed_body(
    world: MemoryWorld,
) -> None:
    notice = world.received(1_00)

    assert await world.receive(notice) == 1

    entry = world.store.inbox[LINK, notice.event_id]
    [owed] = [one for one in world.store.outbox.values() if one.work == entry.id]
    assert opened_entry(world.tenant, owed.entry.body, entry.id) == entry
    assert notice.end_to_end_id.encode() not in owed.entry.body
    assert entry.notice == notice
    assert world.relay.rings == 1


async def test_what_was_said_before_is_not_new(world: MemoryWorld) -> None:
    first, second = world.received(1_00), world.received(2_00)
    await world.receive(first)
    world.relay.rings = 0

    assert await world.receive(first) == 0
    assert world.relay.rings == 0
    assert await world.receive(first, second, second) == 1
    assert world.relay.rings == 1


async def test_a_forged_notice_is_refused_before_it_is_read(world: MemoryWorld) -> None:
    with pytest.raises(Refused) as caught:
        await receive_notices(
            world.tenant, LINK, Callback(headers={"x-signed-by": "me"}, body=b"not even JSON")
        )

    assert caught.value.code == "signature_invalid"
    assert world.store.inbox.keys() == {(LINK, "event 1")}  # the money of the fixture


async def test_a_body_that_is_signed_and_malformed_leaves_nothing(world: MemoryWorld) -> None:
    with pytest.raises(Refused) as caught:
        await receive_notices(world.tenant, LINK, signed(b'[{"kind": "gossip"}]'))

    assert caught.value.code == "invalid_notice"


async def test_a_link_that_this_institution_does_not_have_is_refused(world: MemoryWorld) -> None:
    with pytest.raises(Refused) as caught:
        await receive_notices(world.tenant, "elsewhere", signed(b"[]"))

    assert caught.value.code == "provider_not_found"


async def test_without_the_visitors_book_the_provider_is_told_to_come_again(
    world: MemoryWorld,
) -> None:
    world.faults.plan = [Fault.REFUSED]
    with pytest.raises(Unavailable):
        await world.receive(world.received(1_00))

    assert world.relay.rings == 0


async def test_receipts_and_outcomes_go_to_different_queues(world: MemoryWorld) -> None:
    kinds = {
        kind: _subject(world.tenant, world.provider.notice(kind, "E" + "0" * 31))
        for kind in NoticeKind
    }

    assert kinds[NoticeKind.RECEIVED].startswith(f"FLUXIQ.{ISPB}.pix.in.")
    assert kinds[NoticeKind.CONFIRMED].startswith(f"FLUXIQ.{ISPB}.pix.outcome.")
    assert kinds[NoticeKind.CONFIRMED] == kinds[NoticeKind.REJECTED]


async def test_everything_said_of_one_charge_goes_to_one_worker(world: MemoryWorld) -> None:
    subjects = {
        _subject(world.tenant, world.received(amount, txid="A1" * 10)) for amount in range(1, 50)
    }
    others = {_subject(world.tenant, world.received(1, txid=f"B{n}")) for n in range(50)}

    assert len(subjects) == 1
    assert len(others) == world.tenant.settings.pix.partitions
