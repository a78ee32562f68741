"""Publishing what is owed to the bus: the outbox row stays until its work has happened.

Rung by whoever commits a row; looks every second anyway. Postgres is the truth, so a message lost
by the bus comes again from here.
"""

from collections.abc import Sequence
from datetime import datetime

import trio

from actors.branch import Branch
from actors.pace import Pace
from actors.stopping import WORKFLOWS
from actors.told_events import numbered
from actors.weather import Weather
from fluxiq.bus import Message
from fluxiq.domain.records import OutboxEntry
from fluxiq.errors import Unavailable, Unknown
from fluxiq.ports.event_log import Unnumbered
from fluxiq.services.dead_letters import message_id
from supervisors import ChildSpec, Context

LOOK_SECONDS = 1.0
BATCH = 500
EVENTS = "events"  # of the kinds of subjects, those that are numbered before they are told


def outbox_relay(branch: Branch) -> ChildSpec:
    async def start(context: Context) -> None:
        weather, pace = Weather(context.path), Pace()
        context.ready()
        while True:
            await context.turn()
            await pace.wait()
            try:
                full = await _publish(branch)
                weather.cleared()
            except (Unavailable, Unknown) as error:
                await weather.ride_out(error)
                continue
            if not full:
                await branch.relay.wait(LOOK_SECONDS)

    return ChildSpec(id="outbox_relay", start=start, phase=WORKFLOWS)


async def _publish(branch: Branch) -> bool:
    """One round; says whether there may be more to do at once."""
    links, now = branch.links.get(), branch.platform.clock.now()
    entries = await links.store.due_outbox(now, BATCH)
    if not entries:
        return False

    # Work first: it does not wait for the commit that numbers what is told to merchants.
    events = [entry for entry in entries if _kind(entry.subject) == EVENTS]
    work = [entry for entry in entries if _kind(entry.subject) != EVENTS]
    lost = await _offer(branch, work, [_message(entry, entry.body) for entry in work], now)
    if events:
        numbers = await links.events.number([_unnumbered(entry) for entry in events])
        messages = [
            _message(one, numbered(numbers[one.reference], one.reference, one.body))
            for one in events
        ]
        lost += await _offer(branch, events, messages, now)
    if lost:
        raise Unavailable("nats", f"{lost} messages were not accepted")
    await trio.lowlevel.checkpoint()
    return len(entries) == BATCH


async def _offer(
    branch: Branch, entries: Sequence[OutboxEntry], messages: Sequence[Message], now: datetime
) -> int:
    """Publish, and write down what the bus took; returns how many it did not."""
    if not entries:
        return 0

    links = branch.links.get()
    acks = await links.bus.publish_many(messages)
    published = [
        entry for entry, ack in zip(entries, acks, strict=True) if not isinstance(ack, Exception)
    ]
    await links.store.outbox_published(published, now)
    metrics, ispb = branch.metrics, branch.ispb
    for entry in published:
        metrics.nats_messages.labels("FLUXIQ", _template(entry.subject)).inc()
        if entry.attempt == 0 and entry.due_at is not None:
            lag = max(0.0, (now - entry.due_at).total_seconds())
            metrics.event_lag.labels(ispb, _kind(entry.subject)).observe(lag)
    return len(entries) - len(published)


def _kind(subject: str) -> str:
    return subject.split(".", 3)[2]


def _template(subject: str) -> str:
    """The subject without who it is for: a label must not grow with the merchants."""
    _, ispb, kind, *_ = subject.split(".")
    return f"FLUXIQ.{ispb}.{kind}"


def _unnumbered(entry: OutboxEntry) -> Unnumbered:
    """An announcement names its event, and in its subject who it is for."""
    return Unnumbered(event_id=entry.reference, merchant_id=entry.subject.rpartition(".")[2])


def _message(entry: OutboxEntry, body: bytes) -> Message:
    return Message(subject=entry.subject, body=body, message_id=message_id(entry))
