"""Who owns a PIX key: asked of DICT through the provider, and remembered for a minute."""

import math
from collections.abc import Iterable, Mapping, Sequence

import msgspec
import trio

from fluxiq.domain.keys import classify
from fluxiq.domain.records import Recipient
from fluxiq.errors import Refused, Unavailable
from fluxiq.services.messages.directory import KeyView, key_view
from fluxiq.services.messages.envelope import encode
from fluxiq.services.tenant import Tenant

Owner = Recipient | Unavailable | None

_decode = msgspec.json.Decoder(Recipient).decode


async def show_key(tenant: Tenant, merchant_id: str, text: str) -> KeyView:
    """Raises Refused: invalid_pix_key, pix_key_not_found, or rate_limited for who tries out keys.

    Answers out of memory cost as much: what a merchant learns is what is counted.
    """
    _, key = classify(text, field="key")
    costs = tenant.settings.directory
    spent = await tenant.anti_scan.spend(merchant_id, costs.found_tokens)
    if not spent.allowed:
        raise Refused(
            "rate_limited",
            "too many look-ups of PIX keys",
            details={"retry_after": max(1, math.ceil(spent.wait_ms / 1000))},
        )

    [owner] = (await find_owners(tenant, [key])).values()
    if isinstance(owner, Unavailable):
        raise owner
    if owner is None:
        rest = max(0, costs.missing_tokens - costs.found_tokens)
        await tenant.anti_scan.spend(merchant_id, rest, in_debt=True)
        raise Refused("pix_key_not_found", "nobody has this PIX key", field="key")
    return key_view(key, owner, _bank_name(tenant, owner.ispb))


async def find_owners(tenant: Tenant, keys: Iterable[str]) -> dict[str, Owner]:
    """The owner of each of `keys` (normalised): None where nobody has it, Unavailable where DICT
    did not say. A few at a time; without the cache DICT is asked every time.
    """
    wanted = list(dict.fromkeys(keys))
    remembered = await _remembered(tenant, wanted)
    owners: dict[str, Owner] = dict(remembered or {})
    asking = iter([key for key in wanted if key not in owners])
    at_once = min(tenant.settings.directory.lookups_at_once, len(wanted) - len(owners))

    async def ask() -> None:
        for key in asking:
            owners[key] = await _ask(tenant, key, remember=remembered is not None)

    if at_once <= 1:
        await ask()
        return owners
    async with trio.open_nursery() as nursery:
        for _ in range(at_once):
            nursery.start_soon(ask)
    return owners


async def _remembered(tenant: Tenant, keys: Sequence[str]) -> Mapping[str, Recipient] | None:
    """The owners that were found lately; None while the cache is away."""
    try:
        values = await tenant.cache.get_many([_name(key) for key in keys])
    except Unavailable:
        return None
    pairs = zip(keys, values, strict=True)
    return {key: _decode(value) for key, value in pairs if value is not None}


async def _ask(tenant: Tenant, key: str, *, remember: bool) -> Owner:
    try:
        found = await tenant.provider.look_up(key)
    except Unavailable as error:
        return error

    if found is not None and remember:
        seconds = tenant.settings.directory.trust_seconds
        try:
            await tenant.cache.put(_name(key), encode(found), ttl_seconds=seconds)
        except Unavailable:
            return found  # the next caller asks again: slower, not wrong
    return found


def _name(key: str) -> str:
    return f"dict:{key}"


def _bank_name(tenant: Tenant, ispb: str) -> str | None:
    """Known of this platform's own institutions."""
    names = (one.name for one in tenant.settings.institutions if one.ispb == ispb)
    return next(names, None)
