"""Who calls and what is theirs: enrolment, API keys, accounts, endpoints, walks."""

import msgspec
import pytest

from fluxiq.domain.keys import KeyKind, classify
from fluxiq.errors import Refused, Unavailable
from fluxiq.ports import Page
from fluxiq.ports.accounts import AccountFilter
from fluxiq.services.accounts import list_accounts, show_account, show_balance
from fluxiq.services.authenticate import Caller, authenticate, new_key
from fluxiq.services.endpoints import list_endpoints, open_endpoint
from fluxiq.services.enroll import open_house
from fluxiq.services.messages.webhooks import OpenEndpoint
from fluxiq.services.tenant import RECENT_SECONDS, Tenant
from fluxiq.services.walk import walk
from tests.support.memory_world import ISPB, OPENED, MemoryWorld


class OneTenant:
    """`services.tenant.Tenants` of one institution."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant, self.restarting = tenant, False

    def get(self, ispb: str) -> Tenant:
        if ispb != self.tenant.ispb:
            raise Refused("institution_not_found", f"no institution {ispb}")
        if self.restarting:
            raise Unavailable("institution", "is restarting")
        return self.tenant

    def all(self) -> list[Tenant]:
        return [self.tenant]


async def refused(world: MemoryWorld, bearer: str) -> Refused:
    with pytest.raises(Refused) as caught:
        await authenticate(OneTenant(world.tenant), bearer, "")
    return caught.value


async def test_an_enrolled_merchant_comes_in_with_the_key_it_was_shown(world: MemoryWorld) -> None:
    caller = await authenticate(OneTenant(world.tenant), world.merchant.api_key, "")

    assert caller.tenant is world.tenant
    assert caller.merchant_id == world.merchant_id
    assert caller.may("pix:write")


async def test_every_reason_to_refuse_a_key_sounds_the_same(world: MemoryWorld) -> None:
    key = world.merchant.api_key
    elsewhere = key.replace(ISPB, "87654321")
    malformed = ["", "Bearer", key[:-1], key + "x", key.lower(), f" {key}", key.replace("sk", "pk")]

    refusals = [
        await refused(world, text)
        for text in [*malformed, elsewhere, new_key(world.tenant), f"{key}\n"]
    ]

    assert {(one.code, one.message, str(one.details)) for one in refusals} == {
        ("unauthorized", refusals[0].message, "{}")
    }


async def test_a_revoked_key_is_refused_within_a_second(world: MemoryWorld) -> None:
    key = world.merchant.api_key
    await authenticate(OneTenant(world.tenant), key, "")
    digest = world.tenant.key_hash(key)
    revoked = msgspec.structs.replace(world.store.api_keys[digest], revoked_at=OPENED)
    world.store.api_keys[digest] = revoked

    world.clock.pass_seconds(RECENT_SECONDS)

    assert (await refused(world, key)).code == "unauthorized"


async def test_a_key_of_an_institution_that_restarts_is_not_called_wrong(
    world: MemoryWorld,
) -> None:
    tenants = OneTenant(world.tenant)
    tenants.restarting = True

    with pytest.raises(Unavailable):
        await authenticate(tenants, world.merchant.api_key, "")


async def test_a_key_that_cannot_be_looked_up_is_not_called_wrong(world: MemoryWorld) -> None:
    world.faults.away.add("store")

    with pytest.raises(Unavailable):
        await authenticate(OneTenant(world.tenant), world.merchant.api_key, "")


async def test_the_text_of_a_key_is_kept_nowhere(world: MemoryWorld) -> None:
    text = world.merchant.api_key

    assert text not in repr(vars(world.store))
    assert text[12:] not in repr(vars(world.store))


@pytest.mark.parametrize(
    ("grants", "wanted", "granted"),
    [
        (("*",), "pix:write", True),
        (("pix:*",), "pix:write", True),
        (("pix:write",), "pix:write", True),
        (("pix:read",), "pix:write", False),
        (("accounts:*", "pix:read"), "pix:read", True),
        (("pi:*",), "pix:read", False),
        (("pix",), "pix:read", False),
        ((), "pix:read", False),
    ],
)
async def test_a_grant_covers_itself_its_resource_or_all(
    world: MemoryWorld, grants: tuple[str, ...], wanted: str, granted: bool
) -> None:
    assert Caller(world.tenant, "mch_1", "key_1", grants).may(wanted) is granted


# Moving in.


async def test_a_merchant_starts_with_an_account_a_random_key_and_the_keys_it_names(
    world: MemoryWorld,
) -> None:
    made = await world.enroll(document="12.ABC.345/01DE-35", keys=("Loja@Example.com",))

    named, random_key = made.pix_keys
    assert named == "loja@example.com"
    assert classify(random_key)[0] is KeyKind.EVP
    assert made.merchant.document == "12ABC34501DE35"
    assert (await show_balance(world.tenant, made.merchant.id, made.account.id)).total == 0
    assert world.store.events[-1].type == "account.created"


@pytest.mark.parametrize(
    "said", [{"document": "52998224724"}, {"keys": ("not a key",)}], ids=["document", "key"]
)
async def test_a_merchant_with_a_malformed_document_or_key_leaves_no_trace(
    world: MemoryWorld, said: dict[str, str]
) -> None:
    before = len(world.store.merchants)

    with pytest.raises(Refused):
        await world.enroll(**said)

    assert len(world.store.merchants) == before


async def test_a_key_that_is_taken_is_refused(world: MemoryWorld) -> None:
    with pytest.raises(Refused) as caught:
        await world.enroll(keys=world.merchant.pix_keys)

    assert caught.value.code == "pix_key_taken"


async def test_opening_the_house_twice_is_opening_it_once(world: MemoryWorld) -> None:
    before = await world.store.prove_books()

    await open_house(world.tenant)

    assert await world.store.prove_books() == before


# Looking.


async def test_accounts_come_in_pages(world: MemoryWorld) -> None:
    mine = AccountFilter(merchant_id=world.merchant_id)
    listing = await list_accounts(world.tenant, mine, Page(number=1, size=1))
    beyond = await list_accounts(world.tenant, mine, Page(number=2, size=1))

    assert [one.id for one in listing.data] == [world.merchant.account.id]
    assert listing.data[0].pix_keys == world.merchant.pix_keys
    assert (listing.meta.total, listing.meta.total_pages) == (1, 1)
    assert beyond.data == []


async def test_an_account_of_another_merchant_is_not_found(world: MemoryWorld) -> None:
    other = await world.enroll(document="12345678909")

    for show in (show_account, show_balance):
        with pytest.raises(Refused) as caught:
            await show(world.tenant, other.merchant.id, world.merchant.account.id)
        assert caught.value.code == "account_not_found"


async def test_a_balance_shows_what_is_held_beside_what_is_available(world: MemoryWorld) -> None:
    await world.pay(40_00)

    shown = await show_balance(world.tenant, world.merchant_id, world.merchant.account.id)

    assert (shown.available, shown.pending, shown.blocked, shown.total) == (60_00, 40_00, 0, 100_00)


async def test_the_secret_of_an_endpoint_is_shown_once_and_its_courier_is_rung(
    world: MemoryWorld,
) -> None:
    wanted = OpenEndpoint(url="https://merchant.example/hook")

    answer = await open_endpoint(world.tenant, world.merchant_id, wanted, None)
    listed = await list_endpoints(world.tenant, world.merchant_id, Page())

    made = msgspec.json.decode(answer.body)["data"]
    assert made["secret"].startswith("whsec_")
    assert made["secret"].encode() not in msgspec.json.encode(listed)
    assert [one.id for one in listed.data] == world.couriers.names == [made["id"]]


async def test_the_walk_of_a_payment_is_its_merchants(world: MemoryWorld) -> None:
    payout = await world.held()
    other = await world.enroll(document="12345678909")

    assert await walk(world.tenant, world.merchant_id, payout.end_to_end_id)
    for merchant_id, payment in (
        (other.merchant.id, payout.end_to_end_id),
        (world.merchant_id, "E" + "0" * 31),
    ):
        with pytest.raises(Refused) as caught:
            await walk(world.tenant, merchant_id, payment)
        assert caught.value.code == "payment_not_found"


async def test_the_walk_of_unidentified_money_is_nobodys(world: MemoryWorld) -> None:
    notice = world.received(1_00, pix_key="nobody@example.com")
    await world.receive(notice)
    await world.run_rooms()

    with pytest.raises(Refused):
        await walk(world.tenant, world.merchant_id, notice.end_to_end_id)
