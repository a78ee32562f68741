"""The work queues of an institution: which durable consumer reads which subject of the stream."""

from collections.abc import Iterator
from enum import StrEnum

from fluxiq.settings import Settings

STREAM = "FLUXIQ"
SUBJECTS = (f"{STREAM}.>",)


class Queue(StrEnum):
    """What is worked on: money received, payouts to send, and how payouts ended."""

    RECEIPTS = "pix.in"
    ORDERS = "pix.out"
    OUTCOMES = "pix.outcome"


def consumer_name(ispb: str, queue: Queue, partition: int) -> str:
    """A durable consumer's name. It has no dots: it stands in subjects itself."""
    return f"{ispb}_{queue.replace('.', '_')}_{partition}"


def consumers_of(settings: Settings, ispb: str) -> Iterator[tuple[str, str]]:
    """Every durable consumer of an institution with the subject it filters."""
    for queue in Queue:
        for partition in range(settings.pix.partitions):
            yield consumer_name(ispb, queue, partition), f"{STREAM}.{ispb}.{queue}.{partition}"
