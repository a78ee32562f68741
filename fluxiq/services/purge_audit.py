"""Purging the audit trail by proof: whole sealed batches go once their time is over, oldest first.

Their seals stay, with roots and counts, so that the chain still verifies and says what went, when
and by whose word.
"""

from typing import Final

from msgspec import Struct

from fluxiq.domain.audit_retention import kept_longest, kept_until
from fluxiq.ports import Clock
from fluxiq.ports.audit import AuditChain

SEALS_MAX: Final = 1000  # in one go; the next goes on


class Purged(Struct, frozen=True, kw_only=True):
    """What went. `next_at` is when the next batch may, and `next_class` why not before: null where
    there is no other, or this was a whole go.
    """

    seals: int
    lines: int
    next_at: str | None = None
    next_class: str | None = None


async def purge_audit(chain: AuditChain, clock: Clock, who: str, reason: str) -> Purged:
    """Each batch is kept as long as the class of its lines that is kept longest."""
    seals = lines = 0
    while seals < SEALS_MAX and (seal := await chain.oldest_unpurged()) is not None:
        actions = await chain.actions_under(seal)
        retention = kept_longest(actions)
        until = kept_until(max(actions.values()), retention)
        if clock.now() < until:
            return Purged(
                seals=seals, lines=lines, next_at=until.isoformat(), next_class=retention.name
            )
        lines += await chain.purge(seal.seq, who, reason)
        seals += 1
    return Purged(seals=seals, lines=lines)
