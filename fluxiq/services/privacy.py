"""What people may ask about their data (LGPD, art. 18): to see it, and to have it erased as far as
the law lets it go (art. 16, I: what it obliges an institution to keep stays).
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import structlog
import trio
from msgspec import Struct

from fluxiq.domain.data_map import SECURITY
from fluxiq.domain.documents import parse_document
from fluxiq.domain.identifiers import IdPrefix
from fluxiq.domain.job import Job
from fluxiq.domain.privacy import Erasure, Mention, Walk
from fluxiq.errors import Refused
from fluxiq.ports.privacy import Limits
from fluxiq.services.run_jobs import Kind, new_job
from fluxiq.services.tenant import Tenant

ROWS_EXPORTED: Final = 4096  # looked through in one piece of an export: some 50 ms
ROWS_ERASED: Final = 128
PAUSE_SECONDS: Final = 0.005  # between pages of an erasure: payments come first
ERASE_SECONDS_MAX: Final = 3600.0  # then the next attempt goes on

_log = structlog.get_logger("privacy")


class EraseArgs(Struct, frozen=True, forbid_unknown_fields=True):
    """No document: the erasure has it, sealed."""

    erasure_id: str


class Exported(Struct, frozen=True, kw_only=True):
    """What is written down of an export: that there was one, and not of whom."""

    id: str
    reason: str


async def export_person(
    tenant: Tenant, document: str, reason: str, walk: Walk | None = None
) -> tuple[Sequence[Mention], Walk | None]:
    """A piece of what is here of a person, and where to go on. The first piece is noted in the
    audit trail. Raises Refused("invalid_document").
    """
    _, bare = parse_document(document)
    if walk is None:
        exported = Exported(id=tenant.ids.new(IdPrefix.EXPORT), reason=reason)
        await tenant.audit.note("operator", "person.exported", exported.id, exported)
        walk = Walk()
    return await tenant.people.search(bare, walk, ROWS_EXPORTED)


async def erase_person(tenant: Tenant, document: str, reason: str) -> Erasure:
    """Have it erased by a job; the erasure under way where there is one. Raises Refused
    ("invalid_document").
    """
    _, bare = parse_document(document)
    asked = Erasure(
        id=tenant.ids.new(IdPrefix.ERASURE),
        person=bare,
        walk=Walk(),
        asked_at=tenant.clock.now(),
        reason=reason,
    )
    erasure = await tenant.people.begin(asked)
    # Again for one that is known: a crash may have come between the two.
    job = new_job(tenant, ERASE, EraseArgs(erasure.id), unique_key=erasure.id)
    await tenant.jobs.enqueue([job])
    tenant.workers.ring()
    return erasure


async def show_erasure(tenant: Tenant, document: str) -> Erasure:
    """The last one of a person. Raises Refused("invalid_document", "erasure_not_found")."""
    _, bare = parse_document(document)
    erasure = await tenant.people.last_erasure(bare)
    if erasure is None:
        raise Refused("erasure_not_found", "nobody has asked for an erasure of this person")
    return erasure


async def go_on_erasing(tenant: Tenant, erasure_id: str) -> Erasure:
    """From where it is on paper to its end; one that has ended is left as it is."""
    erasure = await tenant.people.find_erasure(erasure_id)
    if erasure is None:
        raise Refused("erasure_not_found", f"there is no erasure {erasure_id}")

    while erasure.person is not None and erasure.walk is not None:
        mentions, walk = await tenant.people.search(erasure.person, erasure.walk, ROWS_ERASED)
        now = tenant.clock.now()
        erasure = await tenant.people.erase(erasure, mentions, walk, _limits(tenant), now)
        await trio.sleep(PAUSE_SECONDS)
    _log.info("person_erased", erasure=erasure.id, erased=erasure.erased)
    return erasure


def _limits(tenant: Tenant) -> Limits:
    now, retention = tenant.clock.now(), tenant.settings.retention
    assert SECURITY.retention is not None, "a class of the audit trail"
    return Limits(
        events_before=now
        - timedelta(days=max(retention.deliveries_days, retention.live_events_days)),
        # A year more than the law counts in days: it counts from the first of January.
        logins_before=now - timedelta(days=366 * (SECURITY.retention.years + 1)),
    )


async def _run(tenant: Tenant, args: EraseArgs, _job: Job) -> None:
    await go_on_erasing(tenant, args.erasure_id)


ERASE: Final = Kind(
    name="privacy.erase",
    run=_run,
    args={1: EraseArgs},
    concurrency=1,
    priority=8,
    seconds_max=ERASE_SECONDS_MAX,
    keep_completed=timedelta(days=7),
)
