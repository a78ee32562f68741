"""What is deleted because it is old."""

from datetime import datetime
from enum import StrEnum
from typing import Protocol


class RecordClass(StrEnum):
    """What may be deleted for its age. Payments, receipts, refunds, transfers, reports, the
    visitors' book, the ledger and the audit trail may not.
    """

    JOBS = "jobs"
    DELIVERY_ATTEMPTS = "delivery_attempts"
    DELIVERIES = "deliveries"  # that have ended, and whose attempts are gone
    LIVE_EVENTS = "live_events"  # their numbers; a merchant's last one stays
    IDEMPOTENCY_KEYS = "idempotency_keys"
    STATEMENT_LINES = "statement_lines"  # but those whose difference is not resolved


class Upkeep(Protocol):
    """The old rows of one institution. Every method is one transaction; twice is once. JOBS are
    `ports.jobs.Jobs`' own, and DELIVERY_ATTEMPTS are deleted by `ports.webhooks.Webhooks`.
    """

    async def prune(self, what: RecordClass, before: datetime, limit: int) -> int:
        """Delete some that are older than `before`; says how many, `limit` at most."""

    async def count(self, what: RecordClass, before: datetime, limit: int) -> int:
        """How many `prune` would delete, counted up to `limit`."""


class Removals(Protocol):
    """Who counts what was deleted. Never waits, never fails."""

    def removed(self, what: RecordClass, count: int) -> None: ...
