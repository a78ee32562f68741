"""What happens to the rows of orders, payouts and refunds alike: settled, sent, ended.

Both tables have `id`, `merchant_id`, `idempotency_key`, `stage`, `updated_at`, `failure_code` and
`reason_code`. Stages never go backwards: which may follow which is the domain's table, and goes
into the statements as a list of pairs.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from msgspec.structs import replace

from fluxiq.domain.payout import NOT_ORDERED, PayoutEvent
from fluxiq.domain.records import PayoutStage
from fluxiq.stores import paperwork, telling
from fluxiq.stores.statement import HAPPENED, Part, compose

Transitions = Mapping[tuple[PayoutStage, PayoutEvent], PayoutStage]

AT_PROVIDER: Final = (PayoutStage.SENT, PayoutStage.IN_DOUBT)


def settling(table: str, first: Sequence[Part] = (), happened: str = "true") -> str:
    """Its hold was settled: the stage it is in now, and what its idempotency key answers. Before
    that, `first` (parts that read `settled`), which a condition of `happened` reads.
    """
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
                SET stage = locked.stage, updated_at = locked.at,
                    failure_code = locked.failure_code
                FROM locked WHERE held.id = locked.id AND locked.before = 'created'
                RETURNING
                    held.id, held.merchant_id, held.idempotency_key, held.failure_code,
                    locked.response
                """,  # noqa: S608 - a constant
            ),
            *first,
            Part("happened (what)", f"SELECT id FROM settled WHERE {happened}"),  # noqa: S608 - a constant
            Part(
                "answered",
                """
                UPDATE idempotency_keys AS key
                SET refused = settled.failure_code IS NOT NULL, response = settled.response
                FROM settled
                WHERE key.merchant_id = settled.merchant_id AND key.key = settled.idempotency_key
                    AND key.resource_id = settled.id AND key.response IS NULL
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
                "marked",
                f"""
                UPDATE {table} AS sent
                SET stage = locked.stage, updated_at = greatest(sent.updated_at, locked.at)
                FROM locked WHERE sent.id = locked.id AND (
                    locked.before = locked.stage
                    OR (locked.before, locked.stage) IN (VALUES {_pairs(transitions)})
                )
                RETURNING sent.id, locked.before, sent.stage
                """,  # noqa: S608 - a constant
            ),
            # A stage that is said again is no change, and leaves no line.
            Part(
                "happened (what)",
                """
                SELECT id FROM marked
                UNION ALL
                SELECT 'moved ' || id FROM marked WHERE before <> stage
                """,
            ),
            paperwork.WALKED,
            paperwork.AUDITED,
            paperwork.DONE,
        ],
        HAPPENED,
    )


def moved(line: paperwork.AuditLine) -> paperwork.AuditLine:
    """Of `marking`: the line of a change of stage, given that there was one."""
    return replace(line, given=f"moved {line.subject}")


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
                    stage = locked.stage, updated_at = locked.at,
                    failure_code = locked.failure_code, reason_code = locked.reason_code
                FROM locked WHERE open.id = locked.id AND open.stage <> 'created'
                    AND (locked.before, locked.stage) IN (VALUES {_pairs(transitions)})
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
    """What is asked, beside the stage `before`; locked in the order of ids, so that two batches
    cannot wait for each other.

    One part and not two that are joined later: of neither does Postgres know the size once it keeps
    a plan for all, and it compared each row of one with each of the other.
    """
    return Part(
        "locked",
        f"""
        SELECT known.stage AS before, asked.*
        FROM asked JOIN {table} AS known USING (id)
        ORDER BY id FOR UPDATE OF known
        """,  # noqa: S608 - a constant
    )


def _pairs(transitions: Transitions) -> str:
    """Which stage may follow which at a provider. Only settling leaves CREATED, it also answers the
    key; and what is SCHEDULED is nobody's yet.
    """
    steps = {
        (before, after) for (before, _), after in transitions.items() if before not in NOT_ORDERED
    }
    return ", ".join(f"('{before}', '{after}')" for before, after in sorted(steps))
