"""Telling the world what an institution's ledger did: the journal, into the stream FLUXIQ_LEDGER.

It follows the mirror by a second or so. A message lost on its way comes again from the journal; one
that comes twice has the same id, and the stream drops it (`fluxiq.ledgers.events`).
"""

import trio

from actors.branch import Branch
from actors.pace import Pace
from actors.queues import LEDGER_STREAM, ledger_subject
from actors.weather import Weather
from fluxiq.bus import Message
from fluxiq.errors import Unavailable, Unknown
from fluxiq.ledgers.events import LedgerEvents
from supervisors import ChildSpec, Context

LOOK_SECONDS = 1.0


def ledger_events(branch: Branch) -> ChildSpec:
    async def start(context: Context) -> None:
        events = LedgerEvents(branch.links.get().postgres, branch.ispb)
        weather, pace = Weather(context.path), Pace()
        context.ready()
        while True:
            await context.turn()
            await pace.wait()
            try:
                told = await _publish(branch, events)
                weather.cleared()
            except (Unavailable, Unknown) as error:
                await weather.ride_out(error)
                continue
            if not told:
                await trio.sleep(LOOK_SECONDS)

    return ChildSpec(id="ledger_events", start=start)


async def _publish(branch: Branch, events: LedgerEvents) -> bool:
    """One round; says whether there was something to tell."""
    waiting = await events.to_publish()
    if not waiting.seqs:
        return False

    subject = ledger_subject(branch.ispb)
    acks = await branch.links.get().bus.publish_many(
        [
            Message(subject, one.body, f"{branch.ispb}:{one.seq}:{one.index}")
            for one in waiting.messages
        ]
    )
    lost = [ack for ack in acks if isinstance(ack, Exception)]
    taken = sum(1 for ack in acks if not isinstance(ack, Exception) and not ack.duplicate)
    branch.metrics.nats_messages.labels(LEDGER_STREAM, subject).inc(taken)
    if lost:
        # All or nothing, so that what is told stays in order; the others are duplicates next time.
        raise Unavailable("nats", f"{len(lost)} messages were not accepted: {lost[0]}")
    await events.published(waiting.seqs)
    return True
