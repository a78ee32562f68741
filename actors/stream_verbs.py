"""What operators see of the bus: an institution's work in its streams, and the streams as a whole.

Two looks, because numbers of a whole stream tell of everybody's business: `streams` counts what is
under the institution's own subjects, and `bus` is for those who operate the platform.
"""

from typing import TYPE_CHECKING, Any

from msgspec import to_builtins

from actors.admin.arguments import Arguments
from actors.admin.verbs import Hooks, Verb
from actors.platform import Platform
from actors.queues import (
    LEDGER_STREAM,
    STREAM,
    consumers_of,
    ledger_consumer,
    ledger_subject,
)
from actors.tenants import tenant_of
from fluxiq.bus import Bus, ConsumerState, StreamState
from fluxiq.bus.checkpoints import AUDIT_STREAM

if TYPE_CHECKING:
    from actors.admin.desk import Desk

STREAMS = (STREAM, LEDGER_STREAM, AUDIT_STREAM)


def stream_verbs(platform: Platform) -> Hooks:
    """The verbs; they ask under the administrator's credentials, which see every subject."""

    async def streams(_desk: "Desk", arguments: Arguments) -> object:
        tenant = tenant_of(platform.tenants, arguments)
        arguments.done()
        bus, ispb = platform.links.get().bus, tenant.ispb
        consumers = {
            STREAM: dict(consumers_of(platform.settings, ispb)),
            LEDGER_STREAM: {ledger_consumer(ispb): ledger_subject(ispb)},
            AUDIT_STREAM: {},
        }
        return {
            "institution": ispb,
            "streams": [await _own(bus, one, ispb, tuple(consumers[one])) for one in STREAMS],
        }

    async def whole(_desk: "Desk", arguments: Arguments) -> object:
        arguments.done()
        bus = platform.links.get().bus
        found = [await bus.stream_state(one) for one in STREAMS]
        return {
            "link": to_builtins(bus.statistics()),
            "streams": [_whole(one) for one in found if one is not None],
        }

    return Hooks(looks={"streams": Verb(streams, ("institution",)), "bus": Verb(whole)})


async def _own(bus: Bus, stream: str, ispb: str, consumers: tuple[str, ...]) -> dict[str, Any]:
    """What an institution has in a stream, and how far those are who work on it."""
    subjects = f"{stream}.{ispb}.>"
    state = await bus.stream_state(stream, subjects)
    by_subject = {} if state is None else state.by_subject
    states = await _consumers(bus, stream, consumers)
    return {
        "name": stream,
        "subjects": subjects,
        "messages": sum(by_subject.values()),
        "pending": sum(one.pending for one in states),
        "unsettled": sum(one.unsettled for one in states),
        "redelivered": sum(one.redelivered for one in states),
        "consumers": [_consumer(one) for one in states],
    }


async def _consumers(bus: Bus, stream: str, names: tuple[str, ...]) -> list[ConsumerState]:
    """Of those that there are, asked one after the other: some thirty take as many milliseconds."""
    found = [await bus.consumer_state(stream, one) for one in names]
    return [one for one in found if one is not None]


def _consumer(state: ConsumerState) -> dict[str, Any]:
    """Without its sequence numbers: they are the stream's, and count everybody's messages."""
    return {
        "name": state.name,
        "subject": state.subject,
        "pending": state.pending,
        "unsettled": state.unsettled,
        "redelivered": state.redelivered,
        "pulls": state.pulls,
        "last_delivered_at": state.last_delivered_at,
    }


def _whole(state: StreamState) -> dict[str, Any]:
    told: dict[str, Any] = to_builtins(state)
    del told["by_subject"]  # nobody asked for any
    return told
