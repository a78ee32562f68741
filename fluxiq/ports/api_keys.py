"""What the room of API keys needs on paper."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
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


class KeyRotation(Struct, frozen=True, kw_only=True):
    """A key takes the place of another one, which works until `until` still."""

    opening: KeyOpening
    replaces: str
    until: datetime


class ApiKeys(Protocol):
    """The API keys of one institution. Every method is one transaction; twice is once."""

    async def open_key(self, opening: KeyOpening) -> Opening: ...

    async def list_keys(self, merchant_id: str, page: Page) -> tuple[list[ApiKey], int]:
        """A page of keys, newest first, the revoked ones too, and how many there are in all."""

    async def find_key(self, merchant_id: str, key_id: str) -> ApiKey | None:
        """The merchant's key of this id, whether it works or not."""

    async def revoke_key(
        self, merchant_id: str, key_id: str, actor: str, at: datetime
    ) -> ApiKey | None:
        """The key as it is now, if the merchant has it. One that is revoked stays as it was."""

    async def rotate_key(self, rotation: KeyRotation) -> Opening:
        """Raises Refused("api_key_over") where the old key does not work any more, or has been
        replaced, and api_key_not_found.
        """

    async def dead_keys(self, key_ids: Sequence[str], at: datetime) -> AbstractSet[str]:
        """Those of `key_ids` that are revoked or expired."""

    async def note_uses(self, uses: Mapping[str, datetime]) -> None:
        """When keys were used, by id; an earlier use than is known changes nothing."""

    async def last_uses(self, key_ids: Sequence[str]) -> Mapping[str, datetime]:
        """When keys were used last, by id, of those that ever were."""
