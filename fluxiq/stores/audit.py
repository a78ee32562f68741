"""`ports.live_data.Audit` over the institution's own schema."""

from msgspec import Struct

from fluxiq.ports.live_data import Audit
from fluxiq.stores import paperwork
from fluxiq.stores.pool import Postgres
from fluxiq.stores.rows import digest_of


class PostgresAudit(Audit):
    """The trail of one institution; its role may add lines, and change none."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def note(self, actor: str, action: str, subject: str, written: Struct) -> None:
        line = paperwork.AuditLine(actor, action, subject, digest_of(written))
        await self._postgres.run(paperwork.file, audit=[line])
