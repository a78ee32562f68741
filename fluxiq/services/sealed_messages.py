"""Messages that name people travel sealed: the bus keeps them on its own disk, and may be read by
more than their institution.

A notice is sealed to its line in the outbox; an event comes as it is kept, sealed to its own row.
Orders are ids only, and travel as they are.
"""

from typing import Final

import msgspec

from fluxiq.domain.records import InboxEntry
from fluxiq.ports.sealing import Place
from fluxiq.services.messages.envelope import encode
from fluxiq.services.tenant import Tenant

_decode_entry: Final = msgspec.json.Decoder(InboxEntry).decode


def sealed_entry(tenant: Tenant, entry: InboxEntry) -> bytes:
    """A line of the visitors' book, for the workers."""
    return tenant.sealer.seal(encode(entry), _line(entry.id))


def opened_entry(tenant: Tenant, body: bytes, entry_id: str) -> InboxEntry:
    """Raises SealBroken, and msgspec.DecodeError for what no code of ours understands."""
    return _decode_entry(opened_line(tenant, body, entry_id))


def opened_line(tenant: Tenant, body: bytes, entry_id: str) -> bytes:
    """The entry as JSON. Raises SealBroken."""
    return tenant.sealer.open(body, _line(entry_id))


def opened_event(tenant: Tenant, body: bytes, event_id: str) -> bytes:
    """The event as merchants are told of it. Raises SealBroken."""
    return tenant.sealer.open(body, Place("events", "body", event_id))


def _line(entry_id: str) -> Place:
    """What announces an entry has no id before it is written; its work is the entry's id, once."""
    return Place("outbox", "body", entry_id)
