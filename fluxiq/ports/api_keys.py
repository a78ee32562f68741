"""What the room of API keys needs on paper."""

from datetime import datetime
from typing import Protocol

from msgspec import Struct

from fluxiq.domain.records import ApiKey
from fluxiq.ports import Idempotency, Opening, Page


class KeyOpening(Struct, frozen=True, kw_only=True):
    """`response` is what a replay answers: without the text of the key, which is shown once."""

    key: ApiKey
    actor: str  # the API key that asked for it
    response: bytes
    idempotency: Idempotency | None


class ApiKeys(Protocol):
    """The API keys of one institution. Every method is one transaction; twice is once."""

    async def open_key(self, opening: KeyOpening) -> Opening: ...

    async def list_keys(self, merchant_id: str, page: Page) -> tuple[list[ApiKey], int]:
        """A page of keys, newest first, the revoked ones too, and how many there are in all."""

    async def revoke_key(self, merchant_id: str, key_id: str, actor: str, at: datetime) -> bool:
        """Whether the merchant has such a key. One that is revoked stays revoked as it was."""
