"""What a caller gets whose request broke off: an error, or the word that the sweep sees to it."""

from collections.abc import Awaitable

from fluxiq.errors import FluxiqError
from fluxiq.services.messages.envelope import Answer
from fluxiq.services.messages.transfers import TransferView
from tests.support.memory_world import Crash


async def interrupted(work: Awaitable[Answer | TransferView]) -> None:
    """Fails if the work was carried out to its end as if nothing had happened."""
    try:
        said = await work
    except (FluxiqError, Crash):
        return
    if isinstance(said, Answer):
        assert said.provisional, "answered as if all had been done"
    else:
        assert said.status == "pending", "decided, and not carried out"
