"""The work queues of an institution: which durable consumer reads which subject of the stream."""

from collections.abc import Iterator
from enum import StrEnum

from fluxiq.settings import Settings

STREAM = "FLUXIQ"
SUBJECTS = (f"{STREAM}.>",)
# What the ledgers did, for whoever wants to know; see docs/ledger.md. Bounded, or a bulk load would
# take the disk from the work queues.
LEDGER_STREAM = "FLUXIQ_LEDGER"
LEDGER_SUBJECTS = (f"{LEDGER_STREAM}.>",)
LEDGER_BYTES_MAX = 1024 * 1024 * 1024
LEDGER_DUPLICATE_SECONDS = 600.0  # a message that is sent again within this time is dropped

ACK_SECONDS = 30.0  # a message that nobody settled or holds by then goes to another worker
# Of one announcement: two minutes of bad weather, at one try a second. Then the stream lets go of
# it, and the outbox announces it again, so an outage costs a try every few minutes and no spinning.
DELIVERIES_MAX = 120
UNSETTLED_MAX = 5000  # messages that a worker has in hand


class Queue(StrEnum):
    """What is worked on: money received, payouts and refunds to send, and how these ended."""

    RECEIPTS = "pix.in"
    ORDERS = "pix.out"
    REFUNDS = "pix.refund"
    OUTCOMES = "pix.outcome"


def consumer_name(ispb: str, queue: Queue, partition: int) -> str:
    """A durable consumer's name. It has no dots: it stands in subjects itself."""
    return f"{ispb}_{queue.replace('.', '_')}_{partition}"


def consumers_of(settings: Settings, ispb: str) -> Iterator[tuple[str, str]]:
    """Every durable consumer of an institution with the subject it filters."""
    for queue in Queue:
        for partition in range(settings.pix.partitions):
            yield consumer_name(ispb, queue, partition), f"{STREAM}.{ispb}.{queue}.{partition}"


def ledger_subject(ispb: str) -> str:
    """Where the transfers of an institution's ledger are told."""
    return f"{LEDGER_STREAM}.{ispb}.transfers"


def ledger_consumer(ispb: str) -> str:
    """The durable consumer with which an institution reads them, under its own user. Nothing of
    ours does.
    """
    return f"{ispb}_ledger"
