"""Publishing what is owed to the bus: the outbox row stays until its work has happened.

Rung by whoever commits a row; looks every second anyway. Postgres is the truth, so a message lost
by the bus comes again from here.
"""

import trio

from actors.branch import Branch
from actors.pace import Pace
from actors.stopping import WORKFLOWS
from actors.weather import Weather
from fluxiq.bus import Message
from fluxiq.domain.records import OutboxEntry
from fluxiq.errors import Unavailable, Unknown
from supervisors import ChildSpec, Context

LOOK_SECONDS = 1.0
BATCH = 500


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

    acks = await links.bus.publish_many([_message(entry) for entry in entries])
    published = [
        entry for entry, ack in zip(entries, acks, strict=True) if not isinstance(ack, Exception)
    ]
    await links.store.outbox_published(published, now)
    for entry in published:
        branch.metrics.nats_messages.labels("FLUXIQ", _template(entry.subject)).inc()
    if len(published) < len(entries):
        raise Unavailable("nats", f"{len(entries) - len(published)} messages were not accepted")
    await trio.lowlevel.checkpoint()
    return len(entries) == BATCH


def _template(subject: str) -> str:
    """The subject without who it is for: a label must not grow with the merchants."""
    _, ispb, kind, *_ = subject.split(".")
    return f"FLUXIQ.{ispb}.{kind}"


def _message(entry: OutboxEntry) -> Message:
    """The attempt is part of the id, or the stream would take a second try for a duplicate."""
    return Message(
        subject=entry.subject, body=entry.body, message_id=f"{entry.reference}:{entry.attempt}"
    )
