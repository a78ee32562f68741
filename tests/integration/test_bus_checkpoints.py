"""The witness: JetStream keeps the seals of every institution, and nobody takes one back."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime

import pytest

from fluxiq.asyncio_host import AsyncioHost
from fluxiq.bus import Bus, JetStreamRefused, open_bus
from fluxiq.bus.checkpoints import (
    AUDIT_STREAM,
    AUDIT_SUBJECTS,
    JetStreamWitness,
    audit_subject,
)
from fluxiq.domain.audit import Place, Seal
from tests.support.servers import NatsServer

AT = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


def seal(seq: int) -> Seal:
    return Seal(
        seq=seq,
        first=Place(seq, seq),
        last=Place(seq, seq),
        count=1,
        root=bytes(32),
        previous=bytes(32),
        sealed_at=AT,
        key_id="k",
        signature=bytes(64),
    )


@pytest.fixture
async def bus(asyncio_host: AsyncioHost, nats_server: NatsServer) -> AsyncIterator[Bus]:
    async with open_bus(asyncio_host, nats_server.url) as bus:
        await bus.ensure_stream(AUDIT_STREAM, AUDIT_SUBJECTS, max_age=0.0, kept=True)
        yield bus


async def told(witness: JetStreamWitness) -> list[Seal | None]:
    async with aclosing(witness.told()) as pages:
        return [one async for page in pages for one in page]


async def test_what_was_told_is_read_in_its_order_and_only_ones_own(bus: Bus) -> None:
    mine, other = JetStreamWitness(bus, "AAAAAAAA"), JetStreamWitness(bus, "BBBBBBBB")
    await mine.tell([seal(number) for number in range(1, 1301)])
    await other.tell([seal(7)])
    assert [one.seq for one in await told(mine) if one] == list(range(1, 1301))
    assert await told(other) == [seal(7)]
    assert await told(JetStreamWitness(bus, "CCCCCCCC")) == []


async def test_telling_twice_is_telling_once(bus: Bus) -> None:
    witness = JetStreamWitness(bus, "DDDDDDDD")
    await witness.tell([seal(1), seal(2)])
    await witness.tell([seal(1), seal(2), seal(3)])
    assert await told(witness) == [seal(1), seal(2), seal(3)]


async def test_what_is_no_seal_is_told_apart(bus: Bus) -> None:
    witness = JetStreamWitness(bus, "EEEEEEEE")
    await bus.publish(audit_subject("EEEEEEEE"), b"nonsense", "1")
    await witness.tell([seal(1)])
    assert await told(witness) == [None, seal(1)]


async def test_not_even_the_administrator_takes_a_seal_back(bus: Bus) -> None:
    witness = JetStreamWitness(bus, "FFFFFFFF")
    await witness.tell([seal(1)])
    for call in (
        bus.purge(AUDIT_STREAM, audit_subject("FFFFFFFF")),
        bus._administer(f"STREAM.MSG.DELETE.{AUDIT_STREAM}", {"seq": 1}),
        bus.ensure_stream(AUDIT_STREAM, AUDIT_SUBJECTS, max_age=0.0, kept=False),
    ):
        with pytest.raises(JetStreamRefused):
            await call
    assert await told(witness) == [seal(1)]
