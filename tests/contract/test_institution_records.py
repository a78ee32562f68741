"""What the institution's own people see of all merchants: merchants, accounts, payments."""

from typing import Any

import msgspec
import pytest

from fluxiq.domain.records import (
    Charge,
    ChargeStatus,
    PayoutStage,
    Receipt,
    ReceiptReason,
    Room,
    Step,
)
from fluxiq.domain.roles import Role
from fluxiq.services.run_scheduled import RUN_SCHEDULED
from tests.support.api_client import Merchant, data_of, error_of, field_of, page_of
from tests.support.api_people import AUTH, OTHER_CPF, PASSWORD, Person
from tests.support.api_twin import OPENED, World, bearer
from tests.support.api_world import ApiWorld
from tests.support.memory_users import add_person
from tests.support.memory_world import KEY

INSTITUTION = "/api/v1/institution"
MERCHANTS = f"{INSTITUTION}/merchants"
ACCOUNTS = f"{INSTITUTION}/accounts"
PAYMENTS = f"{INSTITUTION}/payments"
PAYOUTS = "/api/v1/pix/payouts"
CHARGES = "/api/v1/pix/charges"
END_TO_END = "E12345678202611011200abcdefghijk"
CPF = "39053344705"

PATHS = (
    MERCHANTS,
    f"{MERCHANTS}/mch_1",
    ACCOUNTS,
    f"{ACCOUNTS}/acc_1",
    f"{ACCOUNTS}/acc_1/limits",
    PAYMENTS,
    f"{PAYMENTS}/pay_1/walk",
    f"{INSTITUTION}/statistics/payments",
    f"{INSTITUTION}/statistics/now",
)


async def clerk(world: World, role: Role = Role.MANAGER) -> Person:
    """One of the institution's own people, logged in."""
    person = await Person.of(world, role=role, document=OTHER_CPF, merchant_id=None)
    await person.log_in()
    return person


async def paid(merchant: Merchant, number: int = 1, amount: int = 40_00) -> Any:
    """A payout of the merchant's."""
    recipient = {"pix_key": "somebody@example.com"}
    body = {"amount": amount, "recipient": recipient, "idempotency_key": f"order-{number}"}
    return await data_of(await merchant.post(PAYOUTS, body))


def received(world: World, charge: Charge, end_to_end_id: str = END_TO_END) -> Receipt:
    """The charge is paid: it, and the receipt that says so, are on record."""
    at = world.clock.now()
    world.store.charges[charge.id] = msgspec.structs.replace(
        charge, status=ChargeStatus.PAID, paid_at=at, end_to_end_id=end_to_end_id
    )
    receipt = Receipt(
        id=world.ids.new("pay"),
        end_to_end_id=end_to_end_id,
        amount=charge.amount,
        reason=ReceiptReason.PAYS_CHARGE,
        account_id=charge.account_id,
        merchant_id=charge.merchant_id,
        charge_id=charge.id,
        payer=None,
        transfer_id=1,
        received_at=at,
    )
    world.receipts[end_to_end_id] = receipt
    return receipt


async def logged_in(api: ApiWorld) -> str:
    """The access token of a manager of the institution."""
    world = api.world
    await add_person(
        world.users,
        world.tenant.passwords,
        CPF,
        PASSWORD,
        world.clock.now(),
        role=Role.MANAGER,
        merchant_id=None,
    )
    said = {"document": CPF, "password": PASSWORD}
    answer = await api.app.test_client().post(f"{AUTH}/login", json=said)
    token: str = (await answer.get_json())["data"]["access_token"]
    return token


class TestWhoMay:
    @pytest.mark.parametrize("path", PATHS)
    async def test_a_merchants_people_and_keys_are_refused(self, path: str) -> None:
        world = World()
        owner = await Person.of(world)
        await owner.log_in()
        greedy = Merchant(world, permissions=("*", "institution:*", "institution:read"))

        for response in (await owner.get(path), await greedy.get(path)):
            body = await response.get_json()
            assert (response.status_code, body["error"]["code"]) == (403, "forbidden")
            assert body["error"]["details"] == {"permission": "institution:read"}

    async def test_an_operator_reads_and_does_not_block(self) -> None:
        world = World()
        operator = await clerk(world, Role.OPERATOR)
        path = f"{ACCOUNTS}/{world.account_id()}"

        assert (await operator.get(path)).status_code == 200
        refused = await operator.post(f"{path}/block", {"reason": "a hunch"})
        assert await error_of(refused) == (403, "forbidden")


class TestMerchants:
    async def test_all_are_listed_newest_first_with_masked_documents(self) -> None:
        world = World()
        newer = world.enroll("Mercado Sao Joao", "mercado@example.com")
        person = await clerk(world)

        merchants, meta = await page_of(await person.get(f"{MERCHANTS}?per_page=1"))
        rest, _ = await page_of(await person.get(f"{MERCHANTS}?per_page=1&page=2"))
        ids = [one["id"] for one in (*merchants, *rest)]
        assert sorted(ids, reverse=True) == ids
        assert set(ids) == {world.merchant_id, newer}
        assert meta["total"] == 2
        assert "00038166000105" not in merchants[0]["document"]
        assert merchants[0]["accounts"] == 1

    @pytest.mark.parametrize(
        ("query", "names"),
        [
            ("sao joao", ["Mercado São João"]),
            ("PADARIA", ["Padaria do Bairro"]),
            ("11.444.777/0001-61", ["Mercado São João"]),
            ("11444777000161", ["Mercado São João"]),
            ("52998224725", []),
            ("nobody", []),
        ],
    )
    async def test_one_is_found_by_name_or_document(self, query: str, names: list[str]) -> None:
        world = World()
        other = world.enroll("Mercado São João", "mercado@example.com")
        known = world.store.merchants[other]
        world.store.merchants[other] = msgspec.structs.replace(known, document="11444777000161")
        person = await clerk(world)

        response = await person.client.get(
            MERCHANTS, query_string={"q": query}, headers=person.headers
        )
        merchants, meta = await page_of(response)
        assert [one["name"] for one in merchants] == names
        assert meta["total"] == len(names)

    async def test_one_alone_has_its_document_and_counts(self) -> None:
        world = World()
        Merchant(world)
        await Person.of(world)
        person = await clerk(world)

        merchant = await data_of(await person.get(f"{MERCHANTS}/{world.merchant_id}"))
        assert merchant["document"] == "00038166000105"
        assert (merchant["accounts"], merchant["users"], merchant["api_keys"]) == (1, 1, 1)

        missing = await person.get(f"{MERCHANTS}/mch_missing")
        assert await error_of(missing) == (404, "merchant_not_found")


class TestAccounts:
    async def test_accounts_of_all_merchants_come_with_their_balances(self) -> None:
        world = World()
        other = world.enroll("Outra", "outra@example.com")
        person = await clerk(world)

        accounts, meta = await page_of(await person.get(ACCOUNTS))
        assert {one["merchant_id"] for one in accounts} == {world.merchant_id, other}
        assert [one["balance"]["available"] for one in accounts] == [100_000, 100_000]
        assert meta["total"] == 2

        [own], _ = await page_of(await person.get(f"{ACCOUNTS}?merchant_id={other}"))
        assert own["merchant_id"] == other
        none, _ = await page_of(await person.get(f"{ACCOUNTS}?status=blocked"))
        assert none == []

    async def test_the_limits_of_any_merchants_account_are_seen_as_it_chose_them(self) -> None:
        world = World()
        merchant = Merchant(world)
        account_id = world.account_id()
        chosen = {"per_payment": 50_00, "per_day": 90_00, "per_night": 10_00}
        path = f"/api/v1/accounts/{account_id}/limits"
        said = {**chosen, "night_starts": "20:00"}
        put = await merchant.client.put(path, json=said, headers=bearer(merchant.key))
        assert put.status_code == 200
        person = await clerk(world)

        limits = await data_of(await person.get(f"{ACCOUNTS}/{account_id}/limits"))
        assert {name: limits[name] for name in chosen} == chosen
        assert limits["today"]["left"] == 90_00
        missing = await person.get(f"{ACCOUNTS}/acc_missing/limits")
        assert await error_of(missing) == (404, "account_not_found")

    async def test_an_account_is_blocked_with_a_reason_and_its_payouts_stop(self) -> None:
        api = await ApiWorld.open()
        await api.world.fund(100_00)
        token = await logged_in(api)
        path = f"{ACCOUNTS}/{api.account.id}"

        for _ in range(2):
            blocked = await api.post(f"{path}/block", {"reason": "court order 7"}, token)
            assert (blocked.data["status"], blocked.data["block_reason"]) == (
                "blocked",
                "court order 7",
            )
        assert blocked.data["balance"]["available"] == 100_00
        order = {"amount": 1_00, "recipient": {"pix_key": KEY}, "idempotency_key": "order-1"}
        refused = await api.post(PAYOUTS, order, api.key())
        assert (refused.status, refused.code) == (422, "account_not_active")

        opened = await api.post(f"{path}/unblock", {"reason": "lifted"}, token)
        assert (opened.data["status"], opened.data["block_reason"]) == ("active", None)
        [(actor, *first), (_, *second)] = api.world.accounts.notes
        assert actor.startswith("usr_")
        assert first == ["account.blocked", "court order 7"]
        assert second == ["account.updated", "lifted"]

    @pytest.mark.parametrize("verb", ["block", "unblock"])
    async def test_a_reason_is_wanted_and_the_account_must_be_there(self, verb: str) -> None:
        world = World()
        person = await clerk(world)

        without = await person.post(f"{ACCOUNTS}/{world.account_id()}/{verb}", {})
        assert await error_of(without) == (422, "validation_failed")
        missing = await person.post(f"{ACCOUNTS}/acc_missing/{verb}", {"reason": "a hunch"})
        assert await error_of(missing) == (404, "account_not_found")


class TestPayments:
    async def test_payments_of_all_merchants_and_kinds_are_one_list(self) -> None:
        world = World()
        one, other = Merchant(world), Merchant(world, world.enroll("Outra", "outra@example.com"))
        charge = await data_of(await one.post(CHARGES, {"amount": 15_00}))
        payout = await paid(other)
        receipt = received(world, world.store.charges[charge["id"]])
        person = await clerk(world)

        rows, meta = await page_of(await person.get(PAYMENTS))
        assert meta["total"] == 3
        by_id = {row["id"]: row for row in rows}
        assert by_id.keys() == {charge["id"], payout["id"], receipt.id}
        assert by_id[payout["id"]] == {
            "id": payout["id"],
            "kind": "payout",
            "merchant_id": other.merchant_id,
            "account_id": payout["account_id"],
            "amount": 40_00,
            "status": "processing",
            "end_to_end_id": payout["end_to_end_id"],
            "created_at": payout["created_at"],
            "ended_at": None,
        }
        assert (by_id[charge["id"]]["status"], by_id[receipt.id]["status"]) == ("paid", "credited")

    async def test_every_filter_narrows(self) -> None:
        world = World()
        one, other = Merchant(world), Merchant(world, world.enroll("Outra", "outra@example.com"))
        charge = await data_of(await one.post(CHARGES, {"amount": 15_00}))
        payout = await paid(other)
        person = await clerk(world)

        for query, found in (
            ("kind=charge", [charge]),
            ("kind=transfer", []),
            ("status=processing", [payout]),
            ("status=confirmed", []),
            (f"merchant_id={one.merchant_id}", [charge]),
            (f"account_id={payout['account_id']}", [payout]),
            ("amount_min=2000", [payout]),
            ("amount_max=1500", [charge]),
            ("since=2026-11-23T00:00:00Z", []),
            ("until=2026-11-23T00:00:00Z&kind=payout", [payout]),
        ):
            rows, meta = await page_of(await person.get(f"{PAYMENTS}?{query}"))
            assert [row["id"] for row in rows] == [row["id"] for row in found], query
            assert meta["total"] == len(found)

    async def test_any_id_finds_its_payment_and_stands_alone(self) -> None:
        world = World()
        merchant = Merchant(world)
        charge = await data_of(await merchant.post(CHARGES, {"amount": 15_00}))
        receipt = received(world, world.store.charges[charge["id"]])
        event = world.ids.new("evt")
        world.payment_search.behind[event] = [END_TO_END]
        person = await clerk(world)

        both = {charge["id"], receipt.id}
        for text, found in (
            (charge["id"], {charge["id"]}),
            (charge["txid"], {charge["id"]}),
            (receipt.id, {receipt.id}),
            (END_TO_END, both),
            (event, both),
            ("pay_missing", set[str]()),
        ):
            rows, _ = await page_of(await person.get(f"{PAYMENTS}?q={text}"))
            assert {row["id"] for row in rows} == found, text

        crowded = await person.get(f"{PAYMENTS}?q={charge['id']}&kind=charge")
        assert (crowded.status_code, await field_of(crowded)) == (422, "q")

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ("page=501", "page"),
            ("page=101&per_page=100", "page"),
            ("kind=loan", "kind"),
            ("amount_min=-1", "amount_min"),
            ("amount_min=1.5", "amount_min"),
            ("since=yesterday", "since"),
            ("q=%00", "q"),
        ],
    )
    async def test_what_cannot_be_asked_is_named(self, query: str, field: str) -> None:
        person = await clerk(World())
        response = await person.get(f"{PAYMENTS}?{query}")
        assert (response.status_code, await field_of(response)) == (422, field)


class TestWalks:
    async def test_a_payment_is_followed_by_any_of_its_ids(self) -> None:
        world = World()
        merchant = Merchant(world)
        charge = await data_of(await merchant.post(CHARGES, {"amount": 15_00}))
        receipt = received(world, world.store.charges[charge["id"]])
        world.store.steps += [
            Step(END_TO_END, Room.POST_ROOM, OPENED, OPENED, "evt_1"),
            Step(END_TO_END, Room.COURIER, OPENED, OPENED, "pix.charge.paid dlv_1"),
        ]
        person = await clerk(world)

        for text in (receipt.id, END_TO_END):
            walked = await data_of(await person.get(f"{PAYMENTS}/{text}/walk"))
            assert walked["payment"]["id"] == receipt.id
            assert [step["room"] for step in walked["steps"]] == ["post_room", "courier"]
            assert [one["id"] for one in walked["related"]["payments"]] == [charge["id"]]
            assert walked["related"]["deliveries"] == ["dlv_1"]

        by_charge = await data_of(await person.get(f"{PAYMENTS}/{charge['txid']}/walk"))
        assert by_charge["payment"]["id"] == charge["id"]
        assert len(by_charge["steps"]) == 2

    async def test_a_payout_has_the_steps_of_its_merchant_and_its_jobs(self) -> None:
        world = World()
        merchant = Merchant(world)
        payout = await paid(merchant)
        world.payment_search.jobs[RUN_SCHEDULED.name, payout["id"]] = "job_1"
        person = await clerk(world)

        walked = await data_of(await person.get(f"{PAYMENTS}/{payout['id']}/walk"))
        own = await data_of(await merchant.get(f"/api/v1/pix/walks/{payout['end_to_end_id']}"))
        assert walked["steps"] == own
        assert len(own) > 0
        assert walked["related"] == {"payments": [], "deliveries": [], "jobs": ["job_1"]}

    async def test_a_charge_that_nobody_paid_has_been_nowhere(self) -> None:
        world = World()
        charge = await data_of(await Merchant(world).post(CHARGES, {"amount": 15_00}))
        walked = await data_of(await (await clerk(world)).get(f"{PAYMENTS}/{charge['id']}/walk"))
        assert (walked["payment"]["status"], walked["steps"]) == ("pending", [])

    async def test_what_is_not_there_is_not_found(self) -> None:
        person = await clerk(World())
        response = await person.get(f"{PAYMENTS}/pay_missing/walk")
        assert await error_of(response) == (404, "payment_not_found")


async def test_a_failed_payout_has_ended() -> None:
    world = World()
    payout = await paid(Merchant(world))
    known = world.store.payouts[payout["id"]]
    world.store.payouts[known.id] = msgspec.structs.replace(
        known, stage=PayoutStage.FAILED, failure_code="invalid_account"
    )
    [row], _ = await page_of(await (await clerk(world)).get(f"{PAYMENTS}?status=failed"))
    assert row["ended_at"] is not None
