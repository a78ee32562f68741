"""Two people for one deed: whoever decides is somebody else than whoever asked.

An API key that a person made counts as that person, and so do the keys that such a key makes: else
whoever may make keys would be two people by themselves. A key that nobody's hand made, as the first
one of a merchant, counts as itself.
"""

from typing import Final

from fluxiq.domain.identifiers import IdPrefix
from fluxiq.errors import Refused
from fluxiq.services.tenant import Tenant

_KEY: Final = f"{IdPrefix.API_KEY}_"


async def require_somebody_else(
    tenant: Tenant, merchant_id: str, maker: str, checker: str, *, what: str
) -> None:
    """Raises Refused("maker_is_checker"); both are actors, `key_…` or `usr_…`, of one merchant."""
    hands = {await _hand(tenant, merchant_id, one) for one in (maker, checker)}
    if len(hands) == 1:
        raise Refused("maker_is_checker", f"whoever made {what} does not decide about it")


async def _hand(tenant: Tenant, merchant_id: str, actor: str) -> str:
    """The person behind an actor, or the actor itself."""
    if not actor.startswith(_KEY):
        return actor
    key = await tenant.api_keys.find_key(merchant_id, actor)
    return actor if key is None or key.owner_id is None else key.owner_id
