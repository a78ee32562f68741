"""The SDK against the API on a real socket: what it is told is what the API does."""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import anyio
import httpx
import pytest

from fluxiq.sdk import (
    AsyncFluxiQ,
    Charge,
    Conflict,
    FluxiQ,
    Forbidden,
    Holder,
    NotFound,
    Page,
    PayoutOrder,
    RateLimited,
    RecipientAccount,
    Refused,
    Retries,
    Unauthorized,
    Unknown,
)
from tests.support.api_twin import World
from tests.support.served_world import served_in_thread

T = TypeVar("T")
KEY = "somebody@example.com"
ONCE = Retries(attempts_max=1)
SWIFT = Retries(pause_seconds=0.001)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def url(world: World) -> Iterator[str]:
    with served_in_thread(world) as url:
        yield url


@pytest.fixture
def api(world: World, url: str) -> Iterator[FluxiQ]:
    with client(url, world.key("*")) as api:
        yield api


def client(url: str, key: str, retries: Retries = ONCE) -> FluxiQ:
    return FluxiQ(key, url, retries=retries, transport=httpx.HTTPTransport())


class Losing(httpx.BaseTransport):
    """Carries every request, and loses the first `lost` answers."""

    def __init__(self, lost: int) -> None:
        self._lost = lost
        self._wire = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = self._wire.handle_request(request)
        if self._lost == 0:
            return response
        self._lost -= 1
        response.read()
        raise httpx.ReadTimeout("the answer was lost", request=request)

    def close(self) -> None:
        self._wire.close()


def test_a_charge_is_made_and_found(api: FluxiQ) -> None:
    made = api.charges.create(amount=15_000, description="two coffees", metadata={"table": 7})

    assert (made.status, made.amount, made.metadata) == ("pending", 15_000, {"table": 7})
    assert made.qr_code_image is not None
    assert api.charges.get(made.id).qr_code == made.qr_code


def test_the_same_key_makes_one_charge_and_with_another_body_none(
    world: World, api: FluxiQ
) -> None:
    first = api.charges.create(amount=100, idempotency_key="order-1")

    assert api.charges.create(amount=100, idempotency_key="order-1") == first
    with pytest.raises(Refused) as raised:
        api.charges.create(amount=101, idempotency_key="order-1")
    assert raised.value.code == "idempotency_key_reused"
    assert len(world.store.charges) == 1


def test_a_payout_whose_answers_are_lost_is_paid_once(world: World, url: str) -> None:
    transport = Losing(2)
    with FluxiQ(world.key("*"), url, retries=SWIFT, transport=transport) as api:
        payout = api.payouts.create(amount=4_000, pix_key=KEY)

    assert payout.status == "processing"
    assert list(world.store.payouts) == [payout.id]


def test_a_payout_into_an_account_is_told_with_its_holder_masked(api: FluxiQ) -> None:
    holder = Holder(name="Maria", document="529.982.247-25")
    account = RecipientAccount(ispb="60701190", number="12345-6", type="TRAN", holder=holder)
    payout = api.payouts.create(amount=4_000, account=account)

    assert payout.recipient.pix_key is None
    told = payout.recipient.account
    assert told is not None
    assert (told.number, told.branch, told.holder.document) == ("123456", None, "***.***.247-**")
    [line] = api.payouts.create_many([PayoutOrder(amount=100, account=account)]).data
    assert line.status == "accepted"


def test_a_payout_without_an_answer_is_unknown_and_its_key_finds_out(
    world: World, url: str
) -> None:
    key = world.key("*")
    lost = FluxiQ(key, url, retries=ONCE, transport=Losing(1))
    with lost, pytest.raises(Unknown) as raised:
        lost.payouts.create(amount=4_000, pix_key=KEY)

    with client(url, key) as api:
        found = api.payouts.create(
            amount=4_000, pix_key=KEY, idempotency_key=raised.value.idempotency_key
        )
    assert list(world.store.payouts) == [found.id]


def test_each_line_of_a_batch_has_its_own_end(api: FluxiQ) -> None:
    batch = api.payouts.create_many(
        [
            PayoutOrder(amount=100, pix_key=KEY, idempotency_key="line-1"),
            PayoutOrder(amount=100, pix_key="no key at all"),
        ]
    )

    assert [line.index for line in batch.data] == [0, 1]
    accepted, refused = batch.data
    assert accepted.payout is not None
    assert accepted.payout.recipient.pix_key == KEY
    assert refused.error is not None
    assert refused.error.code == "invalid_pix_key"
    assert (batch.meta.accepted, batch.meta.refused) == (1, 1)


@pytest.mark.parametrize(
    ("ask", "kind", "code"),
    [
        (lambda api: api.charges.get("chg_1"), NotFound, "charge_not_found"),
        (lambda api: api.charges.create(amount=0), Refused, "validation_failed"),
        (lambda api: api.charges.create(amount=1.5), Refused, "validation_failed"),
        (
            lambda api: api.payouts.create(amount=200_000, pix_key=KEY),
            Refused,
            "insufficient_funds",
        ),
        (lambda api: api.products.get("prod_none"), NotFound, "product_not_found"),
    ],
)
def test_a_refusal_says_which_and_why(
    api: FluxiQ, ask: Callable[[FluxiQ], object], kind: type[Refused], code: str
) -> None:
    with pytest.raises(Refused) as raised:
        ask(api)

    assert type(raised.value) is kind
    assert raised.value.code == code
    assert raised.value.request_id is not None
    assert raised.value.request_id.startswith("req_")


def test_a_field_at_fault_is_named(api: FluxiQ) -> None:
    with pytest.raises(Refused) as raised:
        api.charges.create(amount=100, description="x" * 141)
    assert raised.value.field == "description"


def test_a_wrong_key_and_one_that_may_not_are_told_apart(world: World, url: str) -> None:
    with client(url, "sk_live_12345678nonsense") as stranger, pytest.raises(Unauthorized):
        stranger.charges.get("chg_1")
    with client(url, world.key("pix:read")) as reader, pytest.raises(Forbidden) as raised:
        reader.charges.create(amount=1)
    assert raised.value.details["permission"] == "pix:write"


def test_an_allowance_that_is_used_up_says_when_to_come_back() -> None:
    world = World(reads_per_minute=1)
    with served_in_thread(world) as url, client(url, world.key("*")) as api:
        api.products.all()
        with pytest.raises(RateLimited) as raised:
            api.products.all()
    assert raised.value.code == "rate_limited"
    assert raised.value.retry_after is not None
    assert 0 < raised.value.retry_after <= 60


def test_a_list_gives_every_record_once_newest_first(api: FluxiQ) -> None:
    made = [api.charges.create(amount=amount).id for amount in range(1, 8)]
    charges = api.charges.list(status="pending")

    assert {one.id for one in charges} == set(made)
    page: Page[Charge] = charges.page()
    assert (page.meta.total, page.meta.total_pages) == (7, 1)
    assert list(api.charges.list(status="paid")) == []


def test_a_webhook_lives_from_its_secret_to_its_end(api: FluxiQ) -> None:
    made = api.webhooks.create(url="https://shop.example.com/hooks", events=["pix.*"])
    assert made.secret is not None
    assert made.secret.startswith("whsec_")
    assert api.webhooks.get(made.id).secret is None
    assert api.webhooks.test(made.id).event_id.startswith("evt_")
    assert [one.event_type for one in api.webhooks.deliveries(made.id)] == ["webhook.test"]
    assert api.webhooks.rotate_secret(made.id, overlap_seconds=60).secret != made.secret

    api.webhooks.update(made.id, enabled=False)
    with pytest.raises(Conflict):
        api.webhooks.test(made.id)
    api.webhooks.delete(made.id)
    with pytest.raises(NotFound):
        api.webhooks.get(made.id)


def test_an_api_key_is_shown_once_and_revoked(world: World, api: FluxiQ) -> None:
    made = api.api_keys.create(world.merchant_id, name="till", permissions=["pix:read"])
    assert made.key is not None
    assert made.key.endswith(made.last_characters)
    assert made.id in {one.id for one in api.api_keys.list(world.merchant_id)}

    api.api_keys.revoke(world.merchant_id, made.id)
    revoked = {one.id: one.revoked_at for one in api.api_keys.list(world.merchant_id)}
    assert revoked[made.id] is not None


def test_codes_are_made_and_read(api: FluxiQ) -> None:
    code = api.qr_codes.create_static(amount=1_234, txid="table7")

    read = api.qr_codes.read(code.qr_code)
    assert (read.amount, read.txid, read.type) == (1_234, "table7", "static")
    assert api.directory.get(KEY).owner.name == "Somebody"


@pytest.mark.parametrize("backend", ["trio", "asyncio"])
def test_the_asynchronous_client_says_the_same_on_either_loop(
    backend: str, world: World, url: str
) -> None:
    async def run() -> Any:
        wire = httpx.AsyncHTTPTransport()
        async with AsyncFluxiQ(world.key("*"), url, retries=ONCE, transport=wire) as api:
            made = await api.charges.create(amount=100)
            with pytest.raises(NotFound):
                await api.charges.get("chg_1")
            listed = [one.id async for one in api.charges.list()]
            async with anyio.create_task_group() as tasks:
                for _ in range(5):
                    tasks.start_soon(api.accounts.balance, world.account_id())
            return made.id, listed

    made, listed = anyio.run(run, backend=backend)
    assert listed == [made]
