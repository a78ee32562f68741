"""The life of a dead letter: a message of a work queue that failed as often as it may.

`dead -> replayed`, back in the outbox with all its tries before it, or `dead -> discarded`: nobody
will do that work. Both are an operator's words and final; a replayed message that fails again
becomes another letter.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

import msgspec
from msgspec import Struct

FAILURE_SECONDS_MAX: Final = 30.0  # between two tries of a message that fails
ERROR_CHARACTERS_MAX: Final = 4000

# Where messages say which payment they are about: their own field, or that of the notice in them.
_PAYMENT_FIELDS: Final = ("end_to_end_id", "return_id")


class LetterState(StrEnum):
    """Where a letter stands."""

    DEAD = "dead"
    REPLAYED = "replayed"
    DISCARDED = "discarded"


class LetterEvent(StrEnum):
    """What an operator says of it."""

    REPLAYED = "replayed"
    DISCARDED = "discarded"


TRANSITIONS: Mapping[tuple[LetterState, LetterEvent], LetterState] = MappingProxyType(
    {
        (LetterState.DEAD, LetterEvent.REPLAYED): LetterState.REPLAYED,
        (LetterState.DEAD, LetterEvent.DISCARDED): LetterState.DISCARDED,
    }
)


def advance(state: LetterState, event: LetterEvent) -> LetterState | None:
    """The state after `event`; None when that was decided before."""
    return TRANSITIONS.get((state, event))


class DeadLetter(Struct, frozen=True, kw_only=True):
    """A message that nobody could work on. `work` is what it announces: a line of the visitors'
    book, a payout, a refund. `attempts` is how often it was announced, `failures` how often a
    worker failed at it, `error` the end of the last failure's traceback.
    """

    id: int
    work: str
    subject: str
    reference: str
    body: bytes
    payment_id: str | None  # end-to-end id or return id
    attempts: int
    failures: int
    error: str
    first_failed_at: datetime
    died_at: datetime
    state: LetterState = LetterState.DEAD
    decided_at: datetime | None = None
    reason: str | None = None  # the operator's


def retry_seconds(failures: int) -> float:
    """Until a message that has failed so often is tried again: doubling from one second."""
    assert failures > 0, "a message that never failed is not tried again"
    return min(2.0 ** (failures - 1), FAILURE_SECONDS_MAX)


def payment_of(body: bytes) -> str | None:
    """The end-to-end id or return id of the payment that a message is about, if one can be read."""
    try:
        said: Any = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return None

    for part in (said, said.get("notice") if isinstance(said, dict) else None):
        if isinstance(part, dict):
            for field in _PAYMENT_FIELDS:
                if isinstance(part.get(field), str):
                    found: str = part[field]
                    return found
    return None
