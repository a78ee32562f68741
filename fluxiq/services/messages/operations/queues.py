"""Dead letters of the work queues, and holds that need a person: docs/queues.md."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct, convert

from fluxiq.domain.dead_letter import LetterState
from fluxiq.telemetry.redaction import redact_text


class DeadLetterLine(Struct, frozen=True, kw_only=True):
    """A message that nobody could work on. `work` is what it announces, `payment_id` an end-to-end
    or return id where one can be read, `error` the last line of the last failure.
    """

    id: int
    state: LetterState
    subject: str
    work: str
    payment_id: str | None
    failures: int
    died_at: datetime
    error: str


class DeadLetterShown(Struct, frozen=True, kw_only=True):
    """All of one. `body` is the beginning of the message, with people and secrets masked, `error`
    the end of the traceback; it was announced `attempts` times, a worker failed `failures` times.
    """

    id: int
    state: LetterState
    subject: str
    work: str
    reference: str
    payment_id: str | None
    attempts: int
    failures: int
    first_failed_at: datetime
    died_at: datetime
    decided_at: datetime | None
    reason: str | None
    error: str
    body: str


class LettersReplayed(Struct, frozen=True, kw_only=True):
    """The ids of those that are in the outbox again."""

    replayed: list[int]


class HoldFinding(Struct, frozen=True, kw_only=True):
    """A hold of the ledger without a workflow. `amount` is in centavos; `finding` says what is the
    matter; empty while somebody is at work on it.
    """

    id: str
    kind: str
    amount: int
    held_at: datetime
    finding: str
    found_at: datetime | None


def dead_letter_shown(answer: Mapping[str, Any]) -> DeadLetterShown:
    """Of the desk's answer. Who has to read the message itself is at the machine."""
    return convert({**answer, "body": redact_text(answer["body"])}, DeadLetterShown)
