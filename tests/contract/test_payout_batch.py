"""Many payouts in one request: a result for each line, in order."""

from typing import Any

import pytest

from fluxiq.errors import Unavailable, Unknown
from tests.support.api_client import Merchant, data_of, error_of, field_of
from tests.support.api_twin import World

PAYOUTS = "/api/v1/pix/payouts"
BATCH = f"{PAYOUTS}/batch"
KEY = "somebody@example.com"


def line(number: int, amount: int = 1_00, key: str = KEY, **said: Any) -> dict[str, Any]:
    order = {"amount": amount, "recipient": {"pix_key": key}, "idempotency_key": f"line-{number}"}
    return {**order, **said}


async def send(merchant: Merchant, *lines: dict[str, Any], **said: Any) -> dict[str, Any]:
    response = await merchant.post(BATCH, {"payouts": lines, **said})
    body: dict[str, Any] = await response.get_json()
    assert response.status_code == 200, body
    assert set(body) == {"data", "meta"}
    return body


def statuses(body: dict[str, Any]) -> list[str]:
    assert [one["index"] for one in body["data"]] == list(range(len(body["data"])))
    return [one["status"] for one in body["data"]]


async def test_every_line_is_a_payout_of_its_own() -> None:
    world = World()
    merchant = Merchant(world)

    body = await send(merchant, line(1, 1_00, description="Ana"), line(2, 2_00))
    assert statuses(body) == ["accepted", "accepted"]
    assert body["meta"] == {"accepted": 2, "refused": 0, "unknown": 0}
    for one, amount in zip(body["data"], (1_00, 2_00), strict=True):
        assert set(one) == {"index", "status", "payout"}
        shown = await data_of(await merchant.get(f"{PAYOUTS}/{one['payout']['id']}"))
        assert (shown["amount"], one["payout"]["status"]) == (amount, "processing")
        assert shown["id"] == one["payout"]["id"]


async def test_a_line_that_is_refused_does_not_stop_the_others() -> None:
    body = await send(
        Merchant(World()),
        line(1),
        line(2, key="nobody@example.com"),
        line(3, key="no key at all"),
        line(4, amount=10**13),
        line(5, account_id="acc_nowhere"),
        line(6, amount=100_000),
        line(7),
    )
    assert statuses(body) == ["accepted", *["refused"] * 5, "accepted"]
    assert [one["error"]["code"] for one in body["data"][1:-1]] == [
        "pix_key_not_found",
        "invalid_pix_key",
        "amount_above_limit",
        "account_not_found",
        "insufficient_funds",
    ]
    assert body["data"][1]["error"]["details"] == {"field": "recipient.pix_key"}
    assert body["meta"] == {"accepted": 2, "refused": 5, "unknown": 0}


async def test_a_batch_that_is_sent_again_pays_nobody_twice() -> None:
    world = World()
    merchant = Merchant(world)

    first = await send(merchant, line(1), line(2), line(3, amount=10**9))
    again = await send(merchant, line(1), line(2), line(3, amount=10**9))
    assert len(world.store.payouts) == 3
    assert [one.pop("replayed") for one in again["data"][:2]] == [True, True]
    assert again == first


async def test_the_same_line_twice_in_a_batch_is_one_payout() -> None:
    world = World()
    body = await send(Merchant(world), line(1), line(1), line(1, amount=2_00))
    assert statuses(body) == ["accepted", "accepted", "refused"]
    assert body["data"][0]["payout"] == body["data"][1]["payout"]
    assert body["data"][1]["replayed"] is True
    assert body["data"][2]["error"]["code"] == "idempotency_key_reused"
    assert len(world.store.payouts) == 1


async def test_a_line_is_the_same_order_as_the_payout_under_its_key() -> None:
    world = World()
    merchant = Merchant(world)
    alone = await data_of(await merchant.post(PAYOUTS, line(1)))

    body = await send(merchant, line(1), line(2))
    after = await data_of(await merchant.post(PAYOUTS, line(2)))
    assert body["data"][0]["payout"] == alone
    assert body["data"][1]["payout"] == after
    assert len(world.store.payouts) == 2


async def test_the_batchs_account_pays_where_a_line_names_none() -> None:
    world = World()
    account_id = world.account_id()

    body = await send(
        Merchant(world), line(1), line(2, account_id=account_id), account_id="acc_nowhere"
    )
    assert statuses(body) == ["refused", "accepted"]
    assert body["data"][1]["payout"]["account_id"] == account_id


async def test_lines_whose_hold_got_lost_are_unknown() -> None:
    world = World()
    merchant = Merchant(world)
    world.ledger.breaks = Unknown("ledger", "batch", "no answer")

    body = await send(merchant, line(1), line(2, key="nobody@example.com"))
    assert statuses(body) == ["unknown", "refused"]
    said = body["data"][0]["error"]
    assert said["code"] == "outcome_unknown"
    assert said["details"]["payout_id"] in world.store.payouts

    world.ledger.breaks = None
    again = await send(merchant, line(1))
    assert statuses(again) == ["unknown"]
    assert again["data"][0]["error"]["code"] == "idempotency_in_progress"


async def test_lines_that_the_ledger_is_slow_to_hold_are_accepted_and_processing() -> None:
    world = World()
    merchant = Merchant(world)
    world.ledger.breaks = Unavailable("ledger", "no batch took it in time")

    body = await send(merchant, line(1))
    assert statuses(body) == ["accepted"]
    payout = body["data"][0]["payout"]
    assert (payout["id"] in world.store.payouts, payout["status"]) == (True, "processing")


async def test_of_lines_above_what_the_stand_in_may_the_first_ones_go_ahead() -> None:
    world = World()
    world.admission.room = 2_00
    merchant = Merchant(world)

    body = await send(merchant, line(1), line(2), line(3))
    assert statuses(body) == ["accepted", "accepted", "refused"]
    said = body["data"][2]["error"]
    assert (said["code"], said["details"]) == ("ledger_degraded", {"retry_after": 30})

    world.admission.room = None
    assert statuses(await send(merchant, line(3))) == ["accepted"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"payouts": []}, "payouts"),
        ({"payouts": [line(1), {**line(2), "amount": 1.5}]}, "payouts.1.amount"),
        ({"payouts": [line(1), {**line(2), "colour": "blue"}]}, "payouts.1.colour"),
        (
            {"payouts": [{"amount": 1, "recipient": {"pix_key": KEY}}]},
            "payouts.0.idempotency_key",
        ),
        ({"payouts": [line(1)], "colour": "blue"}, "colour"),
    ],
)
async def test_a_malformed_line_refuses_the_batch_and_is_named(body: Any, field: str) -> None:
    world = World()
    response = await Merchant(world).post(BATCH, body)
    assert response.status_code == 422
    assert await field_of(response) == field
    assert not world.store.payouts


async def test_a_batch_above_the_limit_is_refused_whole() -> None:
    world = World(http={"body_bytes_max": 1_000_000})
    limit = world.settings.pix.batch_payouts_max
    response = await Merchant(world).post(
        BATCH, {"payouts": [line(number) for number in range(limit + 1)]}
    )
    body = await response.get_json()
    assert (response.status_code, body["error"]["code"]) == (422, "batch_too_large")
    assert body["error"]["details"] == {"limit": limit, "field": "payouts"}
    assert not world.store.payouts


async def test_a_body_larger_than_the_platform_reads_is_refused_before_it_is_understood() -> None:
    world = World()
    response = await Merchant(world).post(BATCH, {"payouts": [line(n) for n in range(100)]})
    assert await error_of(response) == (413, "body_too_large")
    assert not world.store.payouts


async def test_recipients_of_a_batch_are_looked_up_once_each() -> None:
    world = World()
    await send(Merchant(world), *[line(number) for number in range(20)])
    assert world.store.payouts
    assert list(world.cache.values) == [f"dict:{KEY}"]
