"""Whatever changes something leaves a line: every endpoint that is no GET is called, and its line
is found by its request id.

A new endpoint fails here until `_day` calls it, or UNCHANGING says why it changes nothing.
"""

import base64
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx
import pytest
import trio

from actors.start import Running
from fluxiq.api.v1 import ENDPOINTS
from fluxiq.commands.demo_data import Person, demo_logins
from fluxiq.couriers.sink import serve_sink
from fluxiq.domain.roles import Role
from fluxiq.domain.totp import code_of, step_at
from fluxiq.ports import Page
from fluxiq.ports.audit import LinesWanted
from fluxiq.services.enroll import enroll_merchant
from tests.support.house import platform_here
from tests.support.merchants import deliver_notice, eventually, fresh_end_to_end_id, receipt_notice
from tests.support.written_logs import written_logs

ISPB: Final = "12345678"
FUNDS: Final = 500_000_00
Json = dict[str, Any]

UNCHANGING: Final = {
    "POST /api/v1/pix/qrcode": "writes nothing down: a code is its own record",
    "POST /api/v1/pix/qrcode/parse": "only reads what it is sent",
    "POST /api/v1/operations/ledger/verifications": "looks at the books, and keeps what it saw",
    "POST /api/v1/operations/audit/verifications": "looks at the trail, and keeps what it saw",
}


class Day:
    """One merchant's owner, who calls everything; `calls` has the request id of each answer."""

    def __init__(self, http: httpx.AsyncClient, running: Running) -> None:
        self.http, self.running = http, running
        self.tenant = running.platform.tenants.get(ISPB)
        self.merchant, self.account, self.pix_key = "", "", ""
        self.chief: Person | None = None  # the owner of the institution
        self.calls: dict[str, str] = {}

    async def call(
        self,
        method: str,
        template: str,
        body: Any = None,
        token: str = "",
        *,
        refused: str = "",
        **path: str,
    ) -> Any:
        """The `data` of the answer; where it is `refused` by this code there is none."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        response = await self.http.request(
            method, template.format(**path), json=body, headers=headers
        )
        said = f"{method} {template}: {response.status_code} {response.text}"
        self.calls[f"{method} /api/v1{template}"] = response.headers["X-Request-Id"]
        if refused:
            assert response.json()["error"]["code"] == refused, said
            return None
        assert response.is_success, said
        return response.json()["data"] if response.content else None

    async def actions(self) -> dict[str, set[str]]:
        """What the trail says of each request, and whom it names: `actor action`."""
        found: dict[str, set[str]] = {}
        number = 1
        while True:
            page = Page(number=number, size=1000)
            lines, _ = await self.tenant.audit_chain.page(LinesWanted(), page)
            if not lines:
                return found
            for line in lines:
                found.setdefault(line.request_id, set()).add(f"{line.actor} {line.action}")
            number += 1


@asynccontextmanager
async def open_day() -> AsyncIterator[Day]:
    async with platform_here() as running:
        logins = await demo_logins(running.platform)
        enrolled = await enroll_merchant(
            running.platform.tenants.get(ISPB),
            name="Armazem Central",
            document="00000000000191",
            city="Santos",
            permissions=("*", "med:*", "live_data:*"),
        )
        async with httpx.AsyncClient(
            base_url=f"{running.platform.api_url}/api/v1",
            headers={"Authorization": f"Bearer {enrolled.api_key}"},
            trust_env=False,
            timeout=30,
        ) as http:
            day = Day(http, running)
            day.merchant, day.account = enrolled.merchant.id, enrolled.account.id
            day.pix_key = enrolled.pix_keys[0]
            [day.chief] = [one.chief for one in logins if one.ispb == ISPB]
            yield day


@pytest.fixture
def log() -> Iterator[None]:
    with written_logs():
        yield


@pytest.mark.usefixtures("log")  # its level is one of the things that change
async def test_every_call_that_changes_something_is_on_the_trail() -> None:
    async with open_day() as day:
        end_to_end_id = await _be_paid(day)
        await _charges_and_payouts(day, end_to_end_id)
        await _fraud(day, end_to_end_id)
        await _accounts(day)
        await _webhooks(day)
        await _people(day)
        await _live_data(day)
        await _operations(day)
        actions = await day.actions()

    changing = {
        f"{one.method} {one.path}" for one in ENDPOINTS if one.method != "GET"
    } - UNCHANGING.keys()
    assert changing - day.calls.keys() == set(), (
        "call it in this test, or say why it changes nothing"
    )
    assert day.calls.keys() - changing <= UNCHANGING.keys()
    silent = {call for call in changing if not actions.get(day.calls[call])}
    assert silent == set()
    said = set[str]().union(*(actions[day.calls[call]] for call in changing))
    assert [one for one in sorted(said) if one.startswith(f"{day.merchant} ")] == []


async def _be_paid(day: Day) -> str:
    """By a notice of the provider, as every payment begins. The end-to-end id."""
    end_to_end_id = fresh_end_to_end_id()
    secret = day.running.platform.directory.secret(f"providers/{ISPB}/simulator")
    body = receipt_notice(end_to_end_id, f"{FUNDS / 100:.2f}", day.pix_key)
    said = await deliver_notice(day.http, ISPB, secret, body)
    assert said.is_success, said.text
    call = "POST /api/v1/institutions/{ispb}/providers/{provider}/notices"
    day.calls[call] = said.headers["X-Request-Id"]

    async def has_arrived() -> bool:
        answer = await day.http.get(f"/accounts/{day.account}/balance")
        available: int = answer.json()["data"]["available"]
        return available >= FUNDS

    await eventually(has_arrived)
    return end_to_end_id


async def _charges_and_payouts(day: Day, end_to_end_id: str) -> None:
    charge = await day.call("POST", "/pix/charges", {"amount": 10_00})
    await day.call("POST", "/pix/charges/{charge_id}/cancel", charge_id=charge["id"])
    order = {"amount": 5_00, "recipient": {"pix_key": "confirmed@simulator.example"}}
    await day.call("POST", "/pix/payouts", order | {"idempotency_key": "now"})
    line = order | {"idempotency_key": "in a batch"}
    await day.call("POST", "/pix/payouts/batch", {"payouts": [line]})
    await _batches(day)
    await _contest(day, order)
    tomorrow = (datetime.now(UTC) + timedelta(days=2)).date().isoformat()
    later = await day.http.post(
        "/pix/payouts", json=order | {"idempotency_key": "later", "scheduled_for": tomorrow}
    )
    await day.call("POST", "/pix/payouts/{payout_id}/cancel", payout_id=later.json()["data"]["id"])
    await day.call(
        "POST",
        "/pix/refunds",
        {"end_to_end_id": end_to_end_id, "amount": 1_00, "idempotency_key": "back"},
    )


async def _contest(day: Day, order: dict[str, Any]) -> None:
    """Of a payment that was made, and taken back."""
    paid = await day.http.post("/pix/payouts", json=order | {"idempotency_key": "contested"})
    payout_id = paid.json()["data"]["id"]

    async def is_made() -> bool:
        shown = await day.http.get(f"/pix/payouts/{payout_id}")
        return bool(shown.json()["data"]["status"] == "confirmed")

    await eventually(is_made)
    said = {"reason": "scam", "details": "silent@simulator.example"}
    await day.call("POST", "/pix/payouts/{payout_id}/contest", said, payout_id=payout_id)
    await day.call("POST", "/pix/payouts/{payout_id}/contest/cancel", payout_id=payout_id)


async def _batches(day: Day) -> None:
    """One released by somebody else, one rejected."""
    body = {"name": "suppliers", "lines": [
        {"amount": 5_00, "recipient": {"pix_key": "confirmed@simulator.example"}},
    ]}  # fmt: skip
    checker = await _key(day, "releases", ["payout_batches:release", "pix:write"])
    for decision, said in (("release", None), ("reject", {"reason": "a test"})):
        made = await day.call("POST", "/pix/payout-batches", body)
        await day.call(
            "POST", f"/pix/payout-batches/{{payout_batch_id}}/{decision}", said,
            token=checker["key"], payout_batch_id=made["id"],
        )  # fmt: skip


async def _fraud(day: Day, end_to_end_id: str) -> None:
    """Two reports, one after the other: one is taken back, the other closed."""
    report = {"end_to_end_id": end_to_end_id, "reason": "scam"}
    first = await day.call("POST", "/pix/med/reports", report)
    name = {"med_report_id": first["id"]}
    await day.call("POST", "/pix/med/reports/{med_report_id}/acknowledge", **name)
    await day.call("POST", "/pix/med/reports/{med_report_id}/cancel", **name)
    second = await day.call("POST", "/pix/med/reports", report)
    name = {"med_report_id": second["id"]}
    await day.call("POST", "/pix/med/reports/{med_report_id}/acknowledge", **name)
    disagreed = {"result": "disagreed"}
    await day.call("POST", "/pix/med/reports/{med_report_id}/close", disagreed, **name)


async def _accounts(day: Day) -> None:
    other = await day.call("POST", "/accounts", {"name": "Reserve"})
    name = {"account_id": other["id"]}
    await day.call("PATCH", "/accounts/{account_id}", {"name": "Savings"}, **name)
    await day.call("POST", "/accounts/{account_id}/block", {"reason": "a test"}, **name)
    await day.call("POST", "/accounts/{account_id}/unblock", **name)
    limits = {
        "per_payment": 1_000_00, "per_day": 5_000_00, "per_night": 500_00, "night_starts": "20:00",
    }  # fmt: skip
    await day.call("PUT", "/accounts/{account_id}/limits", limits, **name)

    large = {
        "source_account_id": day.account, "destination_account_id": other["id"],
        "amount": 200_000_00, "description": "to two people",
    }  # fmt: skip
    checker = await _key(day, "checker", ["transfers:*"])
    for number, decision in enumerate(("approve", "reject")):
        asked = await day.call("POST", "/transfers", large | {"idempotency_key": f"t{number}"})
        await day.call(
            "POST", f"/transfers/{{transfer_id}}/{decision}",
            token=checker["key"], transfer_id=asked["id"],
        )  # fmt: skip
    reserve = await day.call(
        "POST", "/accounts", {"name": "Settled", "product_id": "prod_pix_settlement"}
    )
    schedule = {
        "enabled": True, "time": "23:30", "source_account_id": day.account,
        "destination_account_id": reserve["id"],
    }  # fmt: skip
    await day.call("PUT", "/settlements/schedule", schedule)
    path = {"merchant_id": day.merchant, "key_id": checker["id"]}
    await day.call("POST", "/merchants/{merchant_id}/api-keys/{key_id}/rotate", {}, **path)
    await day.call("DELETE", "/merchants/{merchant_id}/api-keys/{key_id}", **path)


async def _key(day: Day, name: str, permissions: list[str]) -> Json:
    made: Json = await day.call(
        "POST",
        "/merchants/{merchant_id}/api-keys",
        {"name": name, "permissions": permissions},
        merchant_id=day.merchant,
    )
    return made


async def _webhooks(day: Day) -> None:
    async with trio.open_nursery() as nursery:
        sink = await nursery.start(lambda task_status: serve_sink(task_status=task_status))
        made = await day.call("POST", "/webhooks", {"url": sink.url})
        sink.trust(made["secret"])
        name = {"webhook_id": made["id"]}
        await day.call("PATCH", "/webhooks/{webhook_id}", {"description": "shop"}, **name)
        sent = await day.call("POST", "/webhooks/{webhook_id}/test", **name)

        async def is_delivered() -> bool:
            log = await day.http.get(f"/webhooks/{made['id']}/deliveries?status=delivered")
            return sent["delivery_id"] in {one["id"] for one in log.json()["data"]}

        await eventually(is_delivered)
        await day.call(
            "POST", "/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver",
            **name, delivery_id=sent["delivery_id"],
        )  # fmt: skip
        now = datetime.now(UTC)
        day_of = {"start": (now - timedelta(hours=1)).isoformat(), "end": now.isoformat()}
        await day.call("POST", "/webhooks/{webhook_id}/redeliver", day_of, **name)
        await day.call("POST", "/webhooks/{webhook_id}/secret/rotate", {}, **name)
        await day.call("DELETE", "/webhooks/{webhook_id}", **name)
        nursery.cancel_scope.cancel()


async def _people(day: Day) -> None:
    """An owner logs in, takes a second factor and gives it back; another comes and goes."""
    document = "39053344705"
    made = await day.call(
        "POST", "/users", {"document": document, "name": "Ana", "role": Role.OWNER}
    )
    login = {"document": document, "password": made["password"], "ispb": ISPB}
    tokens = await day.call("POST", "/auth/login", login)
    chosen = {"current_password": made["password"], "new_password": "uma frase bem comprida 7"}
    tokens = await day.call("POST", "/auth/password", chosen, tokens["access_token"])
    tokens = await day.call("POST", "/auth/refresh", {"refresh_token": tokens["refresh_token"]})
    token, proof = tokens["access_token"], {"password": chosen["new_password"]}

    offer = await day.call("POST", "/auth/totp", proof, token)
    secret = base64.b32decode(offer["secret"] + "=" * (-len(offer["secret"]) % 8))
    code = code_of(secret, step_at(datetime.now(UTC)))
    await day.call("POST", "/auth/totp/confirm", {"code": code}, token)
    await day.call("POST", "/auth/totp/remove", proof, token)

    other = await day.http.post("/auth/login", json=login | {"password": proof["password"]})
    sessions = await day.http.get("/auth/sessions", headers={"Authorization": f"Bearer {token}"})
    assert other.is_success
    ended = next(one for one in sessions.json()["data"] if not one["current"])
    await day.call("DELETE", "/auth/sessions/{session_id}", token=token, session_id=ended["id"])
    await day.call("POST", "/auth/logout", token=token)

    clerk = await day.http.post(
        "/users", json={"document": "15350946056", "name": "Rui", "role": Role.OPERATOR}
    )
    name = {"user_id": clerk.json()["data"]["id"]}
    await day.call("PATCH", "/users/{user_id}", {"name": "Rui Alves"}, **name)
    await day.call("POST", "/users/{user_id}/reset-password", {}, **name)
    await day.call("DELETE", "/users/{user_id}", **name)


async def _live_data(day: Day) -> None:
    await day.call("PUT", "/rates/{pair}", {"rate": "5.12", "source": "a test"}, pair="USD-BRL")
    await day.call("PUT", "/flags/{name}", {"enabled": True}, name="a_flag")


async def _operations(day: Day) -> None:
    """By the institution's owner. A deed that comes to nothing is on the trail all the same: what
    was asked is written down first. The branch takes the book of deeds in with the next seal.
    """
    assert day.chief is not None, "the demo has people"
    login = {"document": day.chief.document, "password": day.chief.password, "ispb": ISPB}
    tokens = (await day.http.post("/auth/login", json=login)).json()["data"]
    why, token = {"reason": "a test"}, tokens["access_token"]

    named = {"name": f"root/institutions/{ISPB}/schedules", **why}
    await day.call("POST", "/operations/processes/{deed}", named, token, deed="restart")
    level = {"level": "debug", "logger": "fluxiq.bus", "seconds": 1, **why}
    await day.call("POST", "/operations/log-level", level, token)
    verb = {"arguments": {"on": False}, **why}
    await day.call("POST", "/operations/verbs/{verb}", verb, token, verb="watch_hogs")
    await day.call("POST", "/operations/ledger/verifications", {}, token)

    breaker, decide = "/operations/ledger/breaker/{word}", "/operations/payments/{payout_id}/decide"
    await day.call("POST", breaker, why, token, word="auto", refused="refused")
    nobodys = {"refused": "payout_not_found", "payout_id": "pay_01KAP3Y8QCJZ0F0M3T2V9D8XKE"}
    await day.call("POST", decide, {"outcome": "failed", **why}, token, **nobodys)
    for decision in ("approve", "reject"):
        await day.call(
            "POST", f"/operations/approvals/{{approval_id}}/{decision}", why, token,
            refused="approval_not_found", approval_id="apr_1",
        )  # fmt: skip

    for word in ("block", "unblock"):
        account = f"/institution/accounts/{{account_id}}/{word}"
        await day.call("POST", account, why, token, account_id=day.account)
    fees = "/institution/merchants/{merchant_id}/fees"
    await day.call("PUT", fees, {"fixed": 1, **why}, token, merchant_id=day.merchant)

    await _rooms(day, token)

    async def are_taken_in() -> bool:
        asked = {request for call, request in day.calls.items() if call not in UNCHANGING}
        return asked <= (await day.actions()).keys()

    await eventually(are_taken_in)


async def _rooms(day: Day, token: str) -> None:
    """Every deed of the rooms; some of them of what is not there."""
    why, kind = {"reason": "a test"}, {"kind": "retention.prune", "reason": "a test"}
    end_to_end_id = fresh_end_to_end_id()
    nowhere = {"providers": [{"name": "psp", "kind": "bacen_psp"}], "name": "Banco"}
    hour = {"since": "2026-11-26T12:00:00Z", "until": "2026-11-26T13:00:00Z"}
    merchant = {"name": "Padaria", "document": "00000000000191", "city": "Santos"}
    paid, fraud = {"pix_key": day.pix_key, "amount": 5_00}, {"end_to_end_id": end_to_end_id}
    deeds: dict[str, tuple[Json, str]] = {
        "institutions": ({"ispb": "11111111", **nowhere, **why}, "institution_invalid"),
        "institutions/{ispb}/merchants": ({**merchant, **why}, ""),
        "institutions/{ispb}/resume": (why, ""),
        "jobs/{job_id}/retry": (why, "job_not_found"),
        "jobs/{job_id}/cancel": (why, "job_not_found"),
        "job-board/pause": (kind, ""),
        "job-board/resume": (kind, ""),
        "dead-letters/replay": (why, ""),
        "dead-letters/{dead_letter_id}/replay": (why, "dead_letter_not_found"),
        "dead-letters/{dead_letter_id}/discard": (why, "dead_letter_not_found"),
        "reconciliation/runs": (why, ""),
        "reconciliation/differences/{difference_id}/resolve": (why, "difference_not_found"),
        "webhooks/{webhook_id}/resend": ({**hour, **why}, "webhook_not_found"),
        "sealing/rotate": (why, ""),
        "retention/runs": (why, ""),
        "audit/verifications": ({}, ""),
        "simulator/pay": ({"br_code": "none", **why}, "simulator_refused"),
        "simulator/pay-key": ({**paid, **why}, ""),
        "simulator/frauds": ({**fraud, **why}, ""),
        "simulator/statement-faults": (
            {"id": end_to_end_id, "fault": "missing", **why}, "simulator_refused"
        ),
        # The last: then nobody of it is let in.
        "institutions/{ispb}/suspend": (why, ""),
    }  # fmt: skip
    path = {
        "ispb": ISPB, "job_id": "job_1", "dead_letter_id": "17", "difference_id": "17",
        "webhook_id": "whk_1",
    }  # fmt: skip
    for name, (body, refused) in deeds.items():
        await day.call("POST", f"/operations/{name}", body, token, refused=refused, **path)
