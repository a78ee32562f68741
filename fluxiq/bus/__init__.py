"""NATS JetStream: what must be done is announced here, and fetched by whoever does it."""

from fluxiq.bus.bus import Bus, open_bus
from fluxiq.bus.feed import Feed
from fluxiq.bus.jetstream import JetStreamRefused
from fluxiq.bus.records import (
    Ack,
    Backlog,
    BusMessage,
    BusStatistics,
    ConsumerState,
    Delivery,
    Message,
    StreamState,
)

__all__ = [
    "Ack",
    "Backlog",
    "Bus",
    "BusMessage",
    "BusStatistics",
    "ConsumerState",
    "Delivery",
    "Feed",
    "JetStreamRefused",
    "Message",
    "StreamState",
    "open_bus",
]
