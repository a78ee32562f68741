"""Payments as numbers, the event log and the payers, over HTTP."""

import json
from datetime import timedelta

import msgspec
import pytest

from fluxiq.domain.live_data import ProviderStatus
from fluxiq.domain.records import ChargeStatus, PayoutStage, Person, Receipt, ReceiptReason
from tests.contract.test_institution_records import (
    CHARGES,
    INSTITUTION,
    clerk,
    paid,
    received,
)
from tests.support.api_client import Merchant, data_of, error_of, field_of, page_of
from tests.support.api_twin import World

STATISTICS = "/api/v1/statistics/payments"
OF_ALL = f"{INSTITUTION}/statistics/payments"
NOW = f"{INSTITUTION}/statistics/now"
EVENTS = "/api/v1/events"
PAYERS = "/api/v1/payers"
PAYER = "52998224725"


def ended(world: World, payout_id: str, stage: PayoutStage, seconds: float) -> None:
    """The payout ended so many seconds after it was accepted."""
    known = world.store.payouts[payout_id]
    world.store.payouts[payout_id] = msgspec.structs.replace(
        known,
        stage=stage,
        updated_at=known.created_at + timedelta(seconds=seconds),
        failure_code="invalid_account" if stage is PayoutStage.FAILED else None,
    )


async def a_day(world: World, merchant: Merchant) -> None:
    """Two charges, of which one is paid; a payout made in 2 s, and one that failed in 4 s."""
    charge = await data_of(await merchant.post(CHARGES, {"amount": 30_00}))
    await merchant.post(CHARGES, {"amount": 10_00})
    received(world, world.store.charges[charge["id"]])
    for number, (stage, seconds) in enumerate(
        [(PayoutStage.CONFIRMED, 2.0), (PayoutStage.FAILED, 4.0)]
    ):
        payout = await paid(merchant, number, 5_00)
        ended(world, payout["id"], stage, seconds)
    world.clock.at += timedelta(seconds=10)


class TestPayments:
    async def test_series_are_whole_and_totals_are_their_sums(self) -> None:
        world = World()
        merchant = Merchant(world)
        await a_day(world, merchant)

        said = await data_of(await merchant.get(f"{STATISTICS}?bucket=minute"))
        assert (said["bucket"], len(said["series"])) == ("minute", 61)  # a minute has begun
        assert said["since"] == said["series"][0]["at"]
        totals = said["totals"]
        assert {name: value for name, value in totals.items() if isinstance(value, int)} == {
            "charges_created": 2,
            "charges_created_amount": 40_00,
            "charges_paid": 1,
            "charges_paid_amount": 30_00,
            "payouts_confirmed": 1,
            "payouts_confirmed_amount": 5_00,
            "payouts_failed": 1,
            "payouts_failed_amount": 5_00,
            "refunds_completed": 0,
            "refunds_completed_amount": 0,
            "average_ticket": 30_00,
        }
        assert totals["conversion"] == 0.5
        assert totals["payout_seconds"] == {"count": 2, "p50": 3.0, "p95": 3.9, "p99": 3.98}
        assert said["series"][-1]["charges_created"] == 2
        assert all(one["charges_created"] == 0 for one in said["series"][:-1])

    async def test_days_are_those_of_sao_paulo(self) -> None:
        merchant = Merchant(World())
        said = await data_of(
            await merchant.get(
                f"{STATISTICS}?bucket=day&since=2026-11-20T02:59:59Z&until=2026-11-21T03:00:00Z"
            )
        )
        assert [one["at"] for one in said["series"]] == [
            "2026-11-19T03:00:00Z",
            "2026-11-20T03:00:00Z",
        ]
        assert said["until"] == "2026-11-21T03:00:00Z"

    async def test_an_empty_span_has_nothing_to_say_of_shares(self) -> None:
        said = await data_of(await Merchant(World()).get(STATISTICS))
        nothing = ("conversion", "average_ticket", "payout_seconds", "charge_seconds")
        assert len(said["series"]) == 48
        assert all(said["totals"][name] is None for name in nothing)

    async def test_a_merchant_counts_its_own_and_the_institution_all(self) -> None:
        world = World()
        merchant = Merchant(world)
        other = Merchant(world, world.enroll("Outra", "outra@example.com"))
        await a_day(world, merchant)

        theirs = await data_of(await other.get(STATISTICS))
        everybodys = await data_of(await (await clerk(world)).get(OF_ALL))
        assert theirs["totals"]["charges_created"] == 0
        assert everybodys["totals"]["charges_created"] == 2

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ("bucket=week", "bucket"),
            ("since=2026-11-22T13:00:00Z&until=2026-11-22T13:00:00Z", "since"),
            ("bucket=minute&since=2026-11-20T00:00:00Z", "since"),
            ("since=1926-11-20T00:00:00Z", "since"),
            ("until=9999-11-20T00:00:00Z", "until"),
            ("since=2026-11-20T00:00:00", "since"),
        ],
    )
    async def test_what_cannot_be_counted_is_named(self, query: str, field: str) -> None:
        response = await Merchant(World()).get(f"{STATISTICS}?{query}")
        assert (response.status_code, await field_of(response)) == (422, field)


class TestNow:
    async def test_a_quiet_institution_has_no_incidents(self) -> None:
        world = World()
        now = await data_of(await (await clerk(world)).get(NOW))
        assert (now["payments_per_second"], now["payout_success_share"]) == (0.0, None)
        assert now["incidents"] == []

    async def test_the_last_minute_and_what_waits_are_told(self) -> None:
        world = World()
        merchant = Merchant(world)
        await a_day(world, merchant)
        doubted = await paid(merchant, 7)
        ended(world, doubted["id"], PayoutStage.IN_DOUBT, 0)
        world.waiting = (2, 1)

        # Accepted, and never heard of again: its provider should have ended it within 40 s.
        silent = world.store.payouts[(await paid(merchant, 8))["id"]]
        world.store.payouts[silent.id] = msgspec.structs.replace(
            silent, stage=PayoutStage.SENT, created_at=world.clock.now() - timedelta(seconds=41)
        )

        now = await data_of(await (await clerk(world)).get(NOW))
        assert (now["charges_paid"], now["payouts_confirmed"], now["payouts_failed"]) == (1, 1, 1)
        assert (now["amount"], now["payout_success_share"]) == (35_00, 0.5)
        assert now["payments_per_second"] == 0.05
        assert {one["kind"]: one["count"] for one in now["incidents"]} == {
            "in_doubt": 2,
            "dead_letters": 2,
            "differences": 1,
        }

    @pytest.mark.parametrize(
        ("breaker", "kinds"),
        [
            ("closed", []),
            ("open", ["provider_breaker"]),
            ("half_open", ["provider_breaker"]),
        ],
    )
    async def test_a_link_whose_breaker_is_not_closed_is_an_incident(
        self, breaker: str, kinds: list[str]
    ) -> None:
        world = World()
        failed = world.clock.now() - timedelta(seconds=30)
        status = ProviderStatus(
            name="simulator",
            breaker=breaker,
            failures=5,
            last_answer_at=None,
            last_failure_at=failed,
            seen_at=world.clock.now(),
        )
        await world.tenant.live_data.put_provider(status, tell=False)
        incidents = (await data_of(await (await clerk(world)).get(NOW)))["incidents"]
        assert [one["kind"] for one in incidents] == kinds
        for one in incidents:
            assert (one["detail"], one["since"]) == ("simulator", "2026-11-22T11:59:30Z")

    async def test_links_that_nobody_can_see_are_one_too(self) -> None:
        world = World()
        world.tables.away = True
        [unseen] = (await data_of(await (await clerk(world)).get(NOW)))["incidents"]
        assert unseen["kind"] == "providers_unseen"


def tell(world: World, number: int, kind: str, merchant_id: str | None = None) -> str:
    """An event of the world's merchant, `number` minutes after noon."""
    event_id = world.ids.new("evt")
    body = {
        "id": event_id,
        "type": kind,
        "created_at": f"2026-11-22T12:{number:02}:00Z",
        "data": {"id": f"chg_{number}"},
    }
    world.events.tell(merchant_id or world.merchant_id, event_id, json.dumps(body).encode())
    return event_id


class TestEvents:
    async def test_events_come_last_first_with_their_numbers(self) -> None:
        world = World()
        merchant = Merchant(world)
        first = tell(world, 1, "pix.charge.created")
        second = tell(world, 2, "pix.charge.paid")

        events, meta = await page_of(await merchant.get(EVENTS))
        assert [(one["id"], one["sequence"]) for one in events] == [(second, 2), (first, 1)]
        assert meta["total"] == 2
        assert await data_of(await merchant.get(f"{EVENTS}/{first}")) == {
            "id": first,
            "sequence": 1,
            "type": "pix.charge.created",
            "created_at": "2026-11-22T12:01:00Z",
            "data": {"id": "chg_1"},
        }

    @pytest.mark.parametrize(
        ("query", "numbers"),
        [
            ("type=pix.charge.paid", [2]),
            ("type=pix.charge.*", [2, 1]),
            ("type=*", [3, 2, 1]),
            ("since=2026-11-22T12:02:00Z", [3, 2]),
            ("until=2026-11-22T12:02:00Z", [1]),
            ("per_page=1&page=2", [2]),
        ],
    )
    async def test_every_filter_narrows(self, query: str, numbers: list[int]) -> None:
        world = World()
        for number, kind in enumerate(
            ["pix.charge.created", "pix.charge.paid", "pix.payout.failed"], start=1
        ):
            tell(world, number, kind)
        events, _ = await page_of(await Merchant(world).get(f"{EVENTS}?{query}"))
        assert [one["sequence"] for one in events] == numbers

    async def test_anothers_event_and_an_unknown_type_are_refused(self) -> None:
        world = World()
        other = world.enroll("Outra", "outra@example.com")
        theirs = tell(world, 1, "pix.charge.paid", other)
        merchant = Merchant(world)

        assert await error_of(await merchant.get(f"{EVENTS}/{theirs}")) == (404, "event_not_found")
        assert (await page_of(await merchant.get(EVENTS)))[0] == []
        unknown = await merchant.get(f"{EVENTS}?type=pix.nothing")
        assert await error_of(unknown) == (422, "webhook_event_unknown")


class TestPayers:
    async def test_payers_are_counted_by_document(self) -> None:
        world = World()
        for number, (name, amount) in enumerate([("Ana", 10_00), ("Ana Maria", 20_00)]):
            world.receipts[str(number)] = receipt_of(world, name, amount, number)
        [payer], meta = await page_of(await Merchant(world).get(PAYERS))

        assert payer["name"] == "Ana Maria"
        assert PAYER not in payer["document"]
        assert (payer["payments"], payer["amount"], meta["total"]) == (2, 30_00, 1)
        assert payer["last_payment_id"] == world.receipts["1"].id

    async def test_a_merchant_sees_its_own(self) -> None:
        world = World()
        world.receipts["1"] = receipt_of(world, "Ana", 10_00, 1)
        other = Merchant(world, world.enroll("Outra", "outra@example.com"))
        assert (await page_of(await other.get(PAYERS)))[0] == []


def receipt_of(world: World, name: str, amount: int, number: int) -> Receipt:
    return Receipt(
        id=f"pay_{number:026}",
        end_to_end_id=f"E{number}",
        amount=amount,
        reason=ReceiptReason.NO_CHARGE,
        account_id=world.account_id(),
        merchant_id=world.merchant_id,
        charge_id=None,
        payer=Person(document=PAYER, name=name),
        transfer_id=number,
        received_at=world.clock.now() + timedelta(seconds=number),
    )


async def test_a_refunded_charge_was_paid() -> None:
    world = World()
    merchant = Merchant(world)
    charge = await data_of(await merchant.post(CHARGES, {"amount": 30_00}))
    known = world.store.charges[charge["id"]]
    world.store.charges[known.id] = msgspec.structs.replace(known, status=ChargeStatus.REFUNDED)
    world.clock.at += timedelta(seconds=1)
    said = await data_of(await merchant.get(STATISTICS))
    assert said["totals"]["conversion"] == 1.0
