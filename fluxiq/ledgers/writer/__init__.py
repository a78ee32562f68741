"""The one writer of an institution's ledger: what waits while a batch is in flight is the next one.

`Writer` (writer.py) is the whole of it: requests.py holds who waits, batches.py takes a batch from
journal to answer, follower.py keeps the mirror and U, governor.py follows the breaker with the
authority, recovery.py brings TigerBeetle up to what the stand-in did. keeper.py keeps the breaker
that all writers of a process share. They know no supervision tree; their ports are in parts.py.
"""

from fluxiq.ledgers.writer.keeper import BreakerKeeper
from fluxiq.ledgers.writer.requests import ReplyTo, Request
from fluxiq.ledgers.writer.writer import BreakerView, Policy, Writer, WriterLimits, WriterStatistics

__all__ = [
    "BreakerKeeper",
    "BreakerView",
    "Policy",
    "ReplyTo",
    "Request",
    "Writer",
    "WriterLimits",
    "WriterStatistics",
]
