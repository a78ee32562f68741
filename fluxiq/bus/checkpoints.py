"""The witness of the audit trail: JetStream keeps the signed seals of every institution.

The stream lets nobody delete or purge a message, not even its administrator (`deny_delete`,
`deny_purge`), so a rewritten database stands against it.
"""

from collections.abc import AsyncGenerator, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from fluxiq.bus.bus import Bus
from fluxiq.bus.records import Message
from fluxiq.domain.audit import Seal
from fluxiq.errors import Unavailable
from fluxiq.ports.audit import Witness

AUDIT_STREAM: Final = "FLUXIQ_AUDIT"
AUDIT_SUBJECTS: Final = (f"{AUDIT_STREAM}.>",)
PAGE: Final = 500
FETCH_SECONDS_MAX: Final = 5.0  # for what is known to be there


class Checkpoint(Struct, frozen=True, kw_only=True):
    """A seal on its way; bytes are base64."""

    ispb: str
    seal: Seal


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Checkpoint).decode


def audit_subject(ispb: str) -> str:
    """Where the seals of an institution are told."""
    return f"{AUDIT_STREAM}.{ispb}.seals"


class JetStreamWitness(Witness):
    """For one institution. Telling needs its own credentials only, reading the administrator's."""

    def __init__(self, bus: Bus, ispb: str) -> None:
        self._bus = bus
        self._ispb = ispb

    async def tell(self, seals: Sequence[Seal]) -> None:
        subject = audit_subject(self._ispb)
        acks = await self._bus.publish_many(
            [
                Message(
                    subject,
                    _encode(Checkpoint(ispb=self._ispb, seal=seal)),
                    f"audit:{self._ispb}:{seal.seq}",
                )
                for seal in seals
            ]
        )
        lost = [ack for ack in acks if isinstance(ack, Exception)]
        if lost:
            raise Unavailable("nats", f"{len(lost)} seals were not accepted: {lost[0]}")

    async def told(self) -> AsyncGenerator[Sequence[Seal | None], None]:
        subject = audit_subject(self._ispb)
        async with self._bus.reading(AUDIT_STREAM, subject) as consumer:
            while (await self._bus.backlog(consumer, AUDIT_STREAM)).pending:
                deliveries = await self._bus.fetch(consumer, AUDIT_STREAM, PAGE, FETCH_SECONDS_MAX)
                if not deliveries:
                    raise Unavailable("nats", "seals that it has did not come")
                yield [self._seal(one.body) for one in deliveries]

    def _seal(self, body: bytes) -> Seal | None:
        try:
            checkpoint = _decode(body)
        except msgspec.DecodeError:
            return None
        return checkpoint.seal if checkpoint.ispb == self._ispb else None
