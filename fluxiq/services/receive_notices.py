"""The Door and the Visitors' book: a provider says something, and it is on paper before a 200.

The signature is checked over the raw bytes, before parsing. Whether a notice makes sense is the
Study's business: here it only has to be the provider's, well formed, and written once.
"""

from collections.abc import Sequence
from datetime import datetime

import structlog

from fluxiq.domain.records import InboxEntry, Notice, NoticeKind, Room, Step
from fluxiq.errors import Refused
from fluxiq.ports import Callback, NoticeRecorded, OutboxDraft, Provider
from fluxiq.services.sealed_messages import sealed_entry
from fluxiq.services.tenant import Tenant

_log = structlog.get_logger("fluxiq.providers")


async def receive_notices(tenant: Tenant, provider_name: str, callback: Callback) -> int:
    """How many of the notices were new. Raises Refused; then nothing was stored."""
    entered = tenant.clock.now()
    provider = tenant.provider_named(provider_name)
    _require_proof(provider, provider_name, callback, entered)
    notices = provider.parse_notices(callback.body)

    return sum(await file_notices(tenant, provider_name, notices, entered))


def _require_proof(provider: Provider, name: str, callback: Callback, entered: datetime) -> None:
    """What was wrong is for our log: a stranger would only learn how to come closer."""
    try:
        provider.verify_callback(callback, entered)
    except Refused as refused:
        _log.warning("provider_callback_refused", provider=name, reason=refused.message)
        raise Refused("signature_invalid", "nothing proves that the provider said this") from None


async def file_notices(
    tenant: Tenant, provider_name: str, notices: Sequence[Notice], entered: datetime, by: str = ""
) -> list[bool]:
    """Write what a provider has said into the visitors' book; False where it was there. `by` says
    how it came, if it did not call.
    """
    if not notices:
        return []
    new = await tenant.store.record_notices(
        [_record(tenant, provider_name, notice, entered, by) for notice in notices]
    )
    if any(new):
        tenant.relay.ring()
    return new


def _record(
    tenant: Tenant, provider: str, notice: Notice, entered: datetime, by: str
) -> NoticeRecorded:
    now = tenant.clock.now()
    said = f"{notice.kind.value} {by}".rstrip()
    entry = InboxEntry(id=tenant.ids.new("evt"), provider=provider, notice=notice, received_at=now)
    return NoticeRecorded(
        entry=entry,
        message=OutboxDraft(
            subject=_subject(tenant, notice), reference=entry.id, body=sealed_entry(tenant, entry)
        ),
        steps=(
            Step(notice.end_to_end_id, Room.DOOR, entered, now, said),
            Step(notice.end_to_end_id, Room.VISITORS_BOOK, now, None, entry.id),
        ),
    )


def _subject(tenant: Tenant, notice: Notice) -> str:
    """Receipts and outcomes have different workers. One charge, one payout: always the same one,
    so that what is said of it is studied in order.
    """
    if notice.kind is NoticeKind.RECEIVED:
        key = notice.txid or notice.pix_key or notice.end_to_end_id
        return tenant.subject("pix", "in", tenant.partition(key))
    return tenant.subject("pix", "outcome", tenant.partition(notice.end_to_end_id))
