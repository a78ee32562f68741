"""The Door and the Visitors' book: a provider says something, and it is on paper before a 200.

The signature is checked over the raw bytes, before parsing. Whether a notice makes sense is the
Study's business: here it only has to be the provider's, well formed, and written once.
"""

from datetime import datetime

from fluxiq.domain.records import InboxEntry, Notice, NoticeKind, Room, Step
from fluxiq.ports import Callback, NoticeRecorded, OutboxDraft
from fluxiq.services.messages.envelope import encode
from fluxiq.services.tenant import Tenant


async def receive_notices(tenant: Tenant, provider_name: str, callback: Callback) -> int:
    """How many of the notices were new. Raises Refused; then nothing was stored."""
    entered = tenant.clock.now()
    provider = tenant.provider_named(provider_name)
    provider.verify_callback(callback, entered)
    notices = provider.parse_notices(callback.body)

    new = await tenant.store.record_notices(
        [_record(tenant, provider_name, notice, entered) for notice in notices]
    )
    if any(new):
        tenant.relay.ring()
    return sum(new)


def _record(tenant: Tenant, provider: str, notice: Notice, entered: datetime) -> NoticeRecorded:
    now = tenant.clock.now()
    entry = InboxEntry(id=tenant.ids.new("evt"), provider=provider, notice=notice, received_at=now)
    return NoticeRecorded(
        entry=entry,
        message=OutboxDraft(
            subject=_subject(tenant, notice), reference=entry.id, body=encode(entry)
        ),
        steps=(
            Step(notice.end_to_end_id, Room.DOOR, entered, now, notice.kind.value),
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
