"""What is deleted because it is old, apart from jobs themselves."""

from datetime import datetime
from typing import Protocol


class Upkeep(Protocol):
    """The old rows of one institution. Every method is one transaction; twice is once."""

    async def prune_idempotency_keys(self, before: datetime, limit: int) -> int:
        """Delete keys claimed before `before`, the oldest first; says how many."""
