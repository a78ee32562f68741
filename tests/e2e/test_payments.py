"""200 charges and 200 payouts at once over two institutions, through everything that is real.

The traffic is played once; each test then looks at one thing that must be true of it.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import trio

from fluxiq.asyncio_host import AsyncioHost
from fluxiq.couriers.sink import Told
from fluxiq.domain.reasons import REASONS
from fluxiq.providers.simulator import PayBrCode, SimulatorControl, SomePayer, Statistics
from tests.support.merchants import (
    Caller,
    Heard,
    Inside,
    Json,
    data_of,
    error_of,
    eventually,
    open_caller,
    open_sink,
    open_window,
)
from tests.support.platform import PlatformProcess

FUNDS = 1_000_000_00
SETTLE_SECONDS_MAX = 45.0
PAYERS = 3
CHARGE_ENDS = ("pix.charge.paid", "pix.charge.expired")
PAYOUT_ENDS = ("pix.payout.confirmed", "pix.payout.failed")
ISPBS = ("12345678", "87654321")

# What the simulator does to the recipient's key, how often, and BACEN's code where it rejects.
PAYOUTS = (
    ("confirmed", 42, None),
    ("rejected-ac03", 4, "AC03"),
    ("rejected-ac06", 3, "AC06"),
    ("rejected-am04", 3, "AM04"),
    ("rejected-ab03", 2, "AB03"),
    ("slow", 6, None),
    ("lost", 10, None),
    ("lost-never", 6, None),
    ("duplicate", 10, None),
    ("disorder", 8, None),
    ("silent", 6, None),
)
FAILURES = {
    "AC03": "invalid_account",
    "AC06": "account_blocked",
    "AM04": "provider_out_of_funds",
    "AB03": "settlement_timeout",
}
# How a charge is paid, and how often.
CHARGES = (
    ("once", 55),
    ("copies", 20),
    ("several_payers", 10),
    ("underpaid_first", 10),
    ("late", 5),
)


@dataclass(frozen=True)
class OpenedPayout:
    said: Json
    response: httpx.Response
    reason_code: str | None

    @property
    def data(self) -> Json:
        found: Json = data_of(self.response)
        return found


@dataclass(frozen=True)
class OpenedCharge:
    kind: str
    amount: int
    data: Json


@dataclass
class Played:
    """One merchant's part of the traffic, and what it was told."""

    ispb: str
    payouts: list[OpenedPayout] = field(default_factory=list)
    charges: list[OpenedCharge] = field(default_factory=list)
    events: list[Json] = field(default_factory=list)
    told: dict[str, Told] = field(default_factory=dict)
    webhooks_refused: int = 0
    refetches: int = 0
    shown: dict[str, Json] = field(default_factory=dict)
    balance_before: int = 0
    balance_after: tuple[int, int] = (0, 0)
    simulator: Statistics | None = None

    @property
    def ids(self) -> set[str]:
        payouts = {one.data["id"] for one in self.payouts}
        return payouts | {one.data["id"] for one in self.charges}


@pytest.fixture(scope="module")
def traffic(running_platform: PlatformProcess) -> dict[str, Played]:
    return trio.run(_play, running_platform)


async def _play(platform: PlatformProcess) -> dict[str, Played]:
    played = {ispb: Played(ispb) for ispb in ISPBS}
    assert platform.addresses.simulator is not None
    async with (
        SimulatorControl.open(platform.addresses.simulator) as simulator,
        trio.open_nursery() as nursery,
    ):
        for one in played.values():
            nursery.start_soon(_play_one, platform, simulator, one)
    return played


async def _play_one(platform: PlatformProcess, simulator: SimulatorControl, played: Played) -> None:
    api, login = platform.addresses.api, platform.logins[played.ispb]
    async with (
        open_caller(api, login) as caller,
        open_sink(caller) as sink,
        open_window(api, login) as heard,
    ):
        await _fund(caller, simulator, heard)
        played.balance_before, _ = await caller.balance()
        async with trio.open_nursery() as nursery:
            for number, (word, reason_code) in enumerate(_wanted_payouts()):
                nursery.start_soon(_open_payout, caller, played, number, word, reason_code)
            for number, kind in enumerate(_wanted_charges()):
                nursery.start_soon(_charge, caller, simulator, heard, played, (number, kind))

        await _settled(caller, played, heard, sink.told)
        played.events, played.refetches = list(heard.events), heard.refetches
        played.told, played.webhooks_refused = dict(sink.told), sink.refused
        played.balance_after = await caller.balance()
        played.simulator = await simulator.statistics()


async def _fund(caller: Caller, simulator: SimulatorControl, heard: Heard) -> None:
    charge = await caller.made("/pix/charges", {"amount": FUNDS})
    await simulator.pay(ispb=caller.login.ispb, br_code=charge["qr_code"])
    await heard.wait_for(charge["id"], "pix.charge.paid")


async def _open_payout(
    caller: Caller, played: Played, number: int, word: str, reason_code: str | None
) -> None:
    said = {
        "amount": 1_01 + number,
        "recipient": {"pix_key": f"{word}+{number}@simulator.example"},
        "description": f"payout {number}",
        "idempotency_key": f"e2e-payout-{number}",
        "metadata": {"number": number},
    }
    response = await caller.post("/pix/payouts", said)
    assert response.status_code == 202, response.text
    assert "Idempotency-Replayed" not in response.headers
    played.payouts.append(OpenedPayout(said, response, reason_code))


async def _charge(
    caller: Caller,
    simulator: SimulatorControl,
    heard: Heard,
    played: Played,
    wanted: tuple[int, str],
) -> None:
    number, kind = wanted
    amount = 10_03 + number
    said: Json = {"amount": amount, "description": kind}
    if kind == "late":
        said["expiration"] = 1
    made = await caller.made("/pix/charges", said)
    played.charges.append(OpenedCharge(kind, amount, made))

    async def pay(**how: Any) -> None:
        await simulator.pay(ispb=played.ispb, br_code=made["qr_code"], **how)

    match kind:
        case "once":
            await pay()
        case "copies":
            await pay(copies=4)
        case "several_payers":
            everybody = [
                PayBrCode(
                    ispb=played.ispb, br_code=made["qr_code"], payer=SomePayer(name=f"Payer {one}")
                )
                for one in range(PAYERS)
            ]
            await simulator.pay_many(everybody)
        case "underpaid_first":
            await pay(amount=amount - 1)
            await _credited(heard, made["id"], "underpaid")
            await pay()
        case "late":
            await trio.sleep(2)
            await pay()


async def _credited(heard: Heard, charge_id: str, reason: str) -> None:
    async def came() -> bool:
        return any(
            event["type"] == "pix.receipt.credited"
            and event["data"]["charge_id"] == charge_id
            and event["data"]["reason"] == reason
            for event in heard.events
        )

    await eventually(came, SETTLE_SECONDS_MAX)


async def _settled(caller: Caller, played: Played, heard: Heard, told: dict[str, Told]) -> None:
    """Until every payment has ended by every account of it, and a little longer."""
    waiting = set(played.ids)
    kinds = {*CHARGE_ENDS, *PAYOUT_ENDS}

    async def ended() -> bool:
        by_webhook = {one.resource_id for one in told.values() if one.type in kinds}
        by_window = {one["data"]["id"] for one in heard.events if one["type"] in kinds}
        return waiting <= by_webhook and (waiting <= by_window or heard.refetches > 0)

    await eventually(ended, SETTLE_SECONDS_MAX)
    # What would wrongly come twice comes now: contradictions, copies, enquiries.
    await trio.sleep(2)

    async def show(kind: str, payment: str) -> None:
        played.shown[payment] = await caller.get(f"/pix/{kind}/{payment}")

    async with trio.open_nursery() as nursery:
        for payout in played.payouts:
            nursery.start_soon(show, "payouts", payout.data["id"])
        for charge in played.charges:
            nursery.start_soon(show, "charges", charge.data["id"])


def _wanted_payouts() -> list[tuple[str, str | None]]:
    return [(word, code) for word, count, code in PAYOUTS for _ in range(count)]


def _wanted_charges() -> list[str]:
    return [kind for kind, count in CHARGES for _ in range(count)]


# What must be true of it.


def test_two_hundred_charges_and_two_hundred_payouts_were_accepted(
    traffic: dict[str, Played],
) -> None:
    assert [len(one.payouts) for one in traffic.values()] == [100, 100]
    assert [len(one.charges) for one in traffic.values()] == [100, 100]
    assert len({payment for one in traffic.values() for payment in one.ids}) == 400


def test_every_payout_ends_once_as_the_provider_decided_and_get_agrees(
    traffic: dict[str, Played],
) -> None:
    for played in traffic.values():
        for payout in played.payouts:
            shown = played.shown[payout.data["id"]]
            failure = None
            if payout.reason_code is not None:
                reason = REASONS[payout.reason_code]
                failure = {
                    "code": FAILURES[payout.reason_code],
                    "reason_code": payout.reason_code,
                    "message": reason.text_en,
                    "message_pt": reason.text_pt,
                }
            status = "confirmed" if failure is None else "failed"
            assert (shown["status"], shown["failure"]) == (status, failure), payout.said
            assert shown["amount"] == payout.said["amount"]

            kinds = Counter(
                told.type for told in played.told.values() if told.resource_id == shown["id"]
            )
            assert kinds == {"pix.payout.processing": 1, f"pix.payout.{status}": 1}, payout.said


def test_every_charge_ends_once_and_get_agrees(traffic: dict[str, Played]) -> None:
    for played in traffic.values():
        for charge in played.charges:
            shown = played.shown[charge.data["id"]]
            status = "expired" if charge.kind == "late" else "paid"
            assert shown["status"] == status, charge
            assert (shown["paid_at"] is None) is (status == "expired")

            kinds = Counter(
                told.type for told in played.told.values() if told.resource_id == shown["id"]
            )
            assert kinds == {"pix.charge.created": 1, f"pix.charge.{status}": 1}, charge


def test_the_websocket_says_each_end_once_and_says_what_get_says(
    traffic: dict[str, Played],
) -> None:
    for played in traffic.values():
        assert played.refetches == 0
        for payment in played.ids:
            [end] = [
                event
                for event in played.events
                if event["data"]["id"] == payment and event["type"] in CHARGE_ENDS + PAYOUT_ENDS
            ]
            shown = dict(played.shown[payment])
            shown.pop("qr_code_image", None)
            assert end["data"] == shown


def test_every_webhook_was_signed_and_every_push_was_also_a_webhook(
    traffic: dict[str, Played],
) -> None:
    for played in traffic.values():
        assert played.webhooks_refused == 0
        # What happened before the endpoint was there is not owed to it.
        owed = [event for event in played.events if event["type"].startswith("pix.")]
        missing = [event for event in owed if event["id"] not in played.told]
        assert missing == []


def test_money_that_pays_no_charge_is_credited_with_its_reason(
    traffic: dict[str, Played],
) -> None:
    for played in traffic.values():
        reasons = Counter(
            (event["data"]["charge_id"], event["data"]["reason"])
            for event in played.events
            if event["type"] == "pix.receipt.credited"
        )
        wanted: Counter[tuple[str, str]] = Counter()
        for charge in played.charges:
            charge_id = charge.data["id"]
            match charge.kind:
                case "several_payers":
                    wanted[charge_id, "charge_already_paid"] = PAYERS - 1
                case "underpaid_first":
                    wanted[charge_id, "underpaid"] = 1
                case "late":
                    wanted[charge_id, "late"] = 1
        assert reasons == wanted


def test_the_balance_is_exact_to_the_centavo(traffic: dict[str, Played]) -> None:
    for played in traffic.values():
        received = 0
        for charge in played.charges:
            match charge.kind:
                case "several_payers":
                    received += PAYERS * charge.amount
                case "underpaid_first":
                    received += 2 * charge.amount - 1
                case _:
                    received += charge.amount
        left = sum(one.said["amount"] for one in played.payouts if one.reason_code is None)
        assert played.balance_after == (played.balance_before + received - left, 0)


def test_an_order_whose_answer_was_lost_is_never_sent_again_blindly(
    traffic: dict[str, Played],
) -> None:
    # `lost-never` is sent twice, since its first try never arrived; nothing arrives twice.
    for played in traffic.values():
        assert played.simulator is not None
        assert played.simulator.orders_repeated == 0


async def test_debits_equal_credits_by_the_institutions_own_credentials(
    traffic: dict[str, Played], inside: Inside, asyncio_host: AsyncioHost
) -> None:
    for ispb in traffic:
        async with inside.servers.open_postgres(
            asyncio_host, ispb, size=1, seconds_max=10
        ) as postgres:
            accounts = await postgres.run(_fetch, "SELECT * FROM ledger_accounts")
            assert sum(one["debits_posted"] for one in accounts) > 0
            for side in ("posted", "pending"):
                debits = sum(one[f"debits_{side}"] for one in accounts)
                assert debits == sum(one[f"credits_{side}"] for one in accounts)
            assert sum(one["debits_pending"] for one in accounts) == 0

            # The counters are what the history says they are.
            rows = await postgres.run(_fetch, HISTORY)
            summed = {row["id"]: (row["debits"], row["credits"]) for row in rows}
            for one in accounts:
                counted = (one["debits_posted"], one["credits_posted"])
                assert summed.get(one["id"], (0, 0)) == counted

            [found] = await postgres.run(_fetch, LEFT_OPEN)
            assert dict(found) == {"payouts": 0, "notices": 0, "holds": 0}


HISTORY = """
SELECT id, sum(debit)::bigint AS debits, sum(credit)::bigint AS credits FROM (
    SELECT debit_account_id AS id, amount AS debit, 0 AS credit
    FROM ledger_transfers WHERE flags & 10 = 0
    UNION ALL
    SELECT credit_account_id, 0, amount FROM ledger_transfers WHERE flags & 10 = 0
) AS sides GROUP BY id
"""

LEFT_OPEN = """
SELECT
    (SELECT count(*) FROM payouts
        WHERE stage IN ('created', 'held', 'sent', 'in_doubt')) AS payouts,
    (SELECT count(*) FROM inbox WHERE done_at IS NULL) AS notices,
    (SELECT count(*) FROM ledger_transfers AS hold WHERE flags & 2 <> 0 AND NOT EXISTS (
        SELECT FROM ledger_transfers AS ending WHERE ending.pending_id = hold.id
    )) AS holds
"""


async def _fetch(connection: Any, query: str) -> list[Any]:
    return list(await connection.fetch(query))


# The same request again.


async def test_a_replay_answers_with_the_same_bytes_and_says_so(
    traffic: dict[str, Played], running_platform: PlatformProcess
) -> None:
    login = running_platform.logins[ISPBS[0]]
    async with open_caller(running_platform.addresses.api, login) as caller:
        before = await caller.balance()
        for payout in traffic[ISPBS[0]].payouts[:10]:
            again = await caller.post("/pix/payouts", payout.said)
            assert again.content == payout.response.content
            assert again.status_code == payout.response.status_code
            assert again.headers["Idempotency-Replayed"] == "true"
        assert await caller.balance() == before


async def test_the_same_key_for_another_request_is_refused(
    traffic: dict[str, Played], running_platform: PlatformProcess
) -> None:
    login = running_platform.logins[ISPBS[0]]
    said = traffic[ISPBS[0]].payouts[0].said
    async with open_caller(running_platform.addresses.api, login) as caller:
        refused = await caller.post("/pix/payouts", {**said, "amount": said["amount"] + 1})
        assert refused.status_code == 422
        assert error_of(refused)["code"] == "idempotency_key_reused"


async def test_two_institutions_may_use_the_same_key(traffic: dict[str, Played]) -> None:
    keys = [{one.said["idempotency_key"] for one in played.payouts} for played in traffic.values()]
    assert keys[0] == keys[1]
    assert len({one.data["id"] for played in traffic.values() for one in played.payouts}) == 200


@pytest.mark.parametrize("path", ["/pix/charges", "/pix/payouts"])
async def test_fifty_identical_requests_at_once_make_one_payment(
    running_platform: PlatformProcess, path: str
) -> None:
    login = running_platform.logins[ISPBS[1]]
    said: Json = {"amount": 3_33}
    if path == "/pix/payouts":
        said["recipient"] = {"pix_key": "silent@simulator.example"}
    answers: list[httpx.Response] = []
    async with open_caller(running_platform.addresses.api, login) as caller:
        available, pending = await caller.balance()

        async def order() -> None:
            answers.append(await caller.post(path, said, {"Idempotency-Key": f"fifty{path}"}))

        async with trio.open_nursery() as nursery:
            for _ in range(50):
                nursery.start_soon(order)

        made = [one for one in answers if one.is_success]
        early = [one for one in answers if not one.is_success]
        assert {error_of(one)["code"] for one in early} <= {"idempotency_in_progress"}
        assert len({one.content for one in made}) == 1
        assert sum("Idempotency-Replayed" not in one.headers for one in made) == 1

        held = 3_33 if path == "/pix/payouts" else 0
        now_available, now_pending = await caller.balance()
        assert available - now_available == held
        if held:
            assert now_pending - pending in {0, held}  # confirmed meanwhile, or not yet
