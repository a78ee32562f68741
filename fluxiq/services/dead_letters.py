"""Messages that workers fail at: counted on paper, tried again later, and dead in the end.

Only bugs count. Weather may last for days, so it never kills a message: the bus brings it again for
a while (`max_deliver`), and the outbox for ever.
"""

import traceback
from collections.abc import Sequence

from fluxiq.domain.dead_letter import ERROR_CHARACTERS_MAX, payment_of
from fluxiq.domain.records import OutboxEntry
from fluxiq.errors import Refused, SealBroken
from fluxiq.ports.dead_letters import Failure, Noted
from fluxiq.services.sealed_messages import opened_line
from fluxiq.services.tenant import Tenant
from fluxiq.telemetry.redaction import redact_text


async def note_failure(
    tenant: Tenant, *, subject: str, reference: str, body: bytes, error: Exception
) -> Noted | None:
    """Count a failure, and bury the message with the last one that its institution allows. None:
    nothing is owed under this reference any more. Raises Unavailable: then nothing was counted.
    """
    failure = Failure(
        subject=subject,
        reference=reference,
        payment_id=payment_of(readable(tenant, subject, reference, body)),
        error=_told(error),
        at=tenant.clock.now(),
    )
    return await tenant.dead_letters.note_failure(failure, tenant.settings.pix.failures_max)


def readable(tenant: Tenant, subject: str, reference: str, body: bytes) -> bytes:
    """A message's body for people: opened where it is sealed, empty where it does not open."""
    if not subject.startswith((tenant.subject("pix", "in"), tenant.subject("pix", "outcome"))):
        return body
    try:
        return opened_line(tenant, body, reference)
    except SealBroken:
        return b""


def message_id(entry: OutboxEntry) -> str:
    """Of one announcement. The attempt is part of it, or the stream would take a second try for a
    duplicate.
    """
    return f"{entry.reference}:{entry.attempt}"


def reference_of(announced: str) -> str:
    """The outbox row's reference in the id of one of its messages."""
    return announced.rpartition(":")[0]


async def replay_all(tenant: Tenant, letter_ids: Sequence[int], reason: str) -> list[int]:
    """Put these back; returns those that were waiting. Somebody may have been quicker."""
    replayed = []
    for letter_id in letter_ids:
        try:
            await tenant.dead_letters.replay(letter_id, tenant.clock.now(), reason)
        except Refused:
            continue
        replayed.append(letter_id)
    tenant.relay.ring()
    return replayed


def _told(error: Exception) -> str:
    """The end of the traceback, without what must not be written down."""
    text = redact_text("".join(traceback.format_exception(error)))
    return text[-ERROR_CHARACTERS_MAX:]
