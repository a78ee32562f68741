"""What happens to the rows of orders, payouts and refunds alike: settled, sent, ended.

Both tables have `id`, `merchant_id`, `idempotency_key`, `stage`, `updated_at`, `failure_code` and
`reason_code`. Stages never go backwards: which may follow which is the domain's table, and goes
into the statements as a list of pairs.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from fluxiq.domain.payout import PayoutEvent
from fluxiq.domain.records import PayoutStage
from fluxiq.stores import paperwork, telling
from fluxiq.stores.statement import HAPPENED, Part, compose

Transitions = Mapping[tuple[PayoutStage, PayoutEvent], PayoutStage]

AT_PROVIDER: Final = (PayoutStage.SENT, PayoutStage.IN_DOUBT)


def settling(table: str) -> str:
    """Its hold was settled: the stage it is in now, and what its idempotency key answers."""
    return compose(
        [
            Part(
                "asked (id, stage, at, failure_code, response)",
                """
                SELECT * FROM unnest(
                    $1::text[], $2::text[], $3::timestamptz[], $4::text[], $5::bytea[]
                )
                """,
            ),
            _locked(table),
            Part(
                "settled",
                f"""
                UPDATE {table} AS held
                SET stage = asked.stage, updated_at = asked.at, failure_code = asked.failure_code
                FROM asked JOIN locked USING (id)
                WHERE held.id = asked.id AND locked.stage = 'created'
                RETURNING
                    held.id, held.merchant_id, held.idempotency_key, held.failure_code,
                    asked.response
                """,  # noqa: S608 - a constant
            ),
            Part("happened (what)", "SELECT id FROM settled"),
            Part(
                "answered",
                """
                UPDATE idempotency_keys AS key
                SET refused = settled.failure_code IS NOT NULL, response = settled.response
                FROM settled
                WHERE key.merchant_id = settled.merchant_id AND key.key = settled.idempotency_key
                    AND key.resource_id = settled.id
                """,
            ),
            *telling.TELLING,
            paperwork.WALKED,
            paperwork.AUDITED,
            paperwork.ORDERED,
        ],
        telling.RESULT,
    )


def marking(table: str, transitions: Transitions) -> str:
    """It is at the provider. A stage may also be said again: then only the time moves, which spaces
    the enquiries.
    """
    return compose(
        [
            Part(
                "asked (id, stage, at)",
                "SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[])",
            ),
            _locked(table),
            Part(
                "happened (what)",
                f"""
                UPDATE {table} AS sent
                SET stage = asked.stage, updated_at = greatest(sent.updated_at, asked.at)
                FROM asked JOIN locked USING (id)
                WHERE sent.id = asked.id AND (
                    locked.stage = asked.stage
                    OR (locked.stage, asked.stage) IN (VALUES {_pairs(transitions)})
                )
                RETURNING sent.id
                """,  # noqa: S608 - a constant
            ),
            paperwork.WALKED,
            paperwork.DONE,
        ],
        HAPPENED,
    )


def ending(table: str, transitions: Transitions, more: Iterable[Part] = ()) -> str:
    """It ended, with `more` of what follows from that (parts that read `ended`).

    Who finds an order still created, though its hold is settled while this waits for the lock, does
    not see the message that comes with the hold, and could not take it out of the outbox: then this
    came first, and changes nothing. Every later stage is judged as it is once locked.
    """
    return compose(
        [
            Part(
                "asked (id, stage, at, failure_code, reason_code)",
                """
                SELECT * FROM unnest(
                    $1::text[], $2::text[], $3::timestamptz[], $4::text[], $5::text[]
                )
                """,
            ),
            _locked(table),
            Part(
                "ended",
                f"""
                UPDATE {table} AS open SET
                    stage = asked.stage, updated_at = asked.at, failure_code = asked.failure_code,
                    reason_code = asked.reason_code
                FROM asked JOIN locked USING (id)
                WHERE open.id = asked.id AND open.stage <> 'created'
                    AND (locked.stage, asked.stage) IN (VALUES {_pairs(transitions)})
                RETURNING open.id, open.stage
                """,  # noqa: S608 - a constant
            ),
            Part(
                "happened (what)",
                """
                SELECT id FROM ended
                UNION ALL
                SELECT 'not ' || id FROM asked WHERE id NOT IN (SELECT id FROM ended)
                """,
            ),
            *more,
            *telling.TELLING,
            paperwork.WALKED,
            paperwork.AUDITED,
            paperwork.CLOSED,
            paperwork.DONE,
        ],
        telling.RESULT,
    )


def _locked(table: str) -> Part:
    """Locked in the order of their ids, so that two batches cannot wait for each other."""
    return Part(
        "locked",
        f"""
        SELECT id, stage FROM {table} WHERE id = ANY (ARRAY(SELECT id FROM asked))
        ORDER BY id FOR UPDATE
        """,  # noqa: S608 - a constant
    )


def _pairs(transitions: Transitions) -> str:
    """Which stage may follow which. Only settling leaves CREATED: it also answers the key."""
    steps = {
        (before, after)
        for (before, _), after in transitions.items()
        if before is not PayoutStage.CREATED
    }
    return ", ".join(f"('{before}', '{after}')" for before, after in sorted(steps))
