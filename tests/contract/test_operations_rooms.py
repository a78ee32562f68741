"""The rooms of operations over the API: each asks the desk its verb, and says the answer in types.

CASES has every endpoint of these rooms. The desk is a twin that answers what the real one does
(tests/unit/actors), so what comes back is held against the OpenAPI document.
"""

from typing import Any, Final

import pytest
from msgspec import Struct

from fluxiq.api.v1.operations import (
    audit_trail,
    institutions,
    jobs,
    providers,
    queues,
    reconciliation,
    sealing,
    streams,
    webhooks,
)
from fluxiq.domain.roles import Role
from fluxiq.errors import Refused, Unavailable
from tests.support.api_people import OTHER_CPF, Person
from tests.support.api_twin import ISPB, World, bearer

AT: Final = "2026-11-26T12:00:00Z"
OTHER: Final = "87654321"
E2E: Final = "E12345678202611222100abcdefghijk"
WHY: Final = {"reason": "because"}

LINE: Final = {
    "ispb": ISPB, "name": "Banco", "ledger": 1, "state": "active", "is_open": True, "reason": "",
    "archive": "", "created_at": AT, "changed_at": AT,
}  # fmt: skip
JOB: Final = {
    "id": "job_1", "kind": "reconcile_day", "version": 1, "args": {"day": "2026-11-25"},
    "state": "retryable", "priority": 5, "attempt": 2, "given_back": 0, "attempts_max": 20,
    "run_at": AT, "created_at": AT, "attempted_at": AT, "lease_until": None, "ended_at": None,
    "unique_key": None, "schedule": None,
    "errors": [{"attempt": 1, "at": AT, "text": "Unavailable: provider"}],
}  # fmt: skip
BOARD: Final = {
    "institution": ISPB,
    "kinds": [{"name": "reconcile_day", "states": {"completed": 3}, "paused": "a test"}],
    "schedules": [{
        "name": "daily", "timing": "0 6 * * *", "next_run": AT, "last_run": None,
        "is_paused": False, "paused": None,
    }],
}  # fmt: skip
LETTER: Final = {
    "id": 17, "state": "dead", "subject": "FLUXIQ.12345678.pix.in.0", "work": "ibx_1",
    "reference": "ibx_1", "payment_id": E2E, "attempts": 1, "failures": 8, "first_failed_at": AT,
    "died_at": AT, "decided_at": None, "reason": None, "error": "KeyError: 'x'", "body": "{}",
}  # fmt: skip
DIFFERENCE: Final = {
    "id": 4, "flow": "sent", "record_id": E2E, "kind": "missing_here", "ours": None, "theirs": 500,
    "settled_at": AT, "detail": "", "state": "open", "run_id": "rec_1", "found_at": AT,
    "seen_at": AT, "changed_at": AT, "reason": None,
}  # fmt: skip
RUN: Final = {
    "id": "rec_1", "since": AT, "until": AT, "step": "lines", "state": "done", "started_at": AT,
    "updated_at": AT, "ended_at": AT, "cursor": "", "pages": 1, "lines": 2, "lines_amount": 900,
    "records": 2, "records_amount": 900, "matched": 2, "matched_amount": 900, "differences": 0,
    "healed": 0,
}  # fmt: skip
SEALING: Final = {
    "institution": ISPB, "wrapped_by": "kek-1", "settled": False, "plain_allowed": False,
    "keys": [{
        "id": 2, "purpose": "data", "current": True, "wrapped_by": "kek-1", "messages": 7,
        "messages_max": 2**32, "created_at": AT, "retires_after": None, "retired_at": None,
    }],
    "columns_done": 0,
    "columns": [{"name": "merchants.name", "seen": 3, "resealed": 1, "done_at": None}],
}  # fmt: skip
VERIFICATION: Final = {
    "number": 3, "is_over": True,
    "report": [
        {
            "institution": ISPB, "seals": 4, "lines": 20, "purged": 0, "waiting": 1,
            "checkpoints": None, "findings": [], "seconds": 0.1,
        },
        {
            "institution": OTHER, "seconds": 0.1,
            "findings": [{"kind": "outage", "what": "away", "seal": None, "line": None}],
        },
    ],
}  # fmt: skip
PROOF: Final = {
    "format": "fluxiq.audit.proof.1", "ispb": ISPB, "index": 0, "path": ["AAAA"],
    "line": {
        "id": 42, "xid": 7, "at": AT, "actor": "key_1", "credential": "", "address": "",
        "request_id": "", "action": "charge.created", "subject": "chg_1", "merchant_id": "mch_1",
        "before": "", "digest": "AAAA", "note": "",
    },
    "seal": {
        "seq": 1, "first": {"xid": 7, "id": 42}, "last": {"xid": 7, "id": 42}, "count": 1,
        "root": "AAAA", "previous": "",
        "sealed_at": AT, "key_id": "k1", "signature": "AAAA",
    },
}  # fmt: skip
STREAMS: Final = {
    "institution": ISPB,
    "streams": [{
        "name": "FLUXIQ", "subjects": "FLUXIQ.12345678.>", "messages": 9, "pending": 5,
        "unsettled": 2, "redelivered": 1,
        "consumers": [{
            "name": "12345678_pix_in_0", "subject": "FLUXIQ.12345678.pix.in.0", "pending": 5,
            "unsettled": 2, "redelivered": 1, "pulls": 1, "last_delivered_at": AT,
        }],
    }],
}  # fmt: skip
BUS: Final = {
    "link": {
        "connected": True, "connections": 1, "published": 1, "duplicates": 0, "fetched": 1,
        "settled": 1, "outages": 0, "last_error": "",
    },
    "streams": [{
        "name": "FLUXIQ", "messages": 9, "bytes": 900, "bytes_max": None, "first_sequence": 1,
        "last_sequence": 9, "last_at": AT, "consumers": 32,
    }],
}  # fmt: skip
WEBHOOKS: Final = {
    "institution": ISPB, "deliveries": {"due": 1, "under_way": 0, "later": 0, "held": 0},
    "oldest_due_at": AT, "endpoints_by_state": {"enabled": 1}, "total": 1, "counted_since": None,
    "endpoints": [{
        "id": "whk_1", "merchant_id": "mch_1", "url": "https://shop.example", "ordered": False,
        "created_at": AT, "disabled_at": None, "disabled_reason": None, "failing_since": AT,
        "waiting": 1, "under_way": 0, "oldest_waiting_at": AT, "attempts_hour": 2,
        "delivered_hour": 0, "attempts_day": 5, "delivered_day": 3, "milliseconds_day": 40,
        "last_attempt_at": AT, "sender": "running", "breaker": "open", "failures_in_a_row": 5,
    }],
}  # fmt: skip
CERTIFICATE: Final = {
    "kind": "client", "expires_at": AT, "days_left": 20, "urgency": "soon", "problem": None
}  # fmt: skip
PROVIDERS: Final = {
    "institution": ISPB, "as_of": AT, "stale": False,
    "providers": [{
        "name": "simulator", "kind": "simulator", "url": None, "dynamic_codes": False,
        "connections_max": 64,
        "guard": {
            "breaker": "open", "failures": 10, "probe_after_seconds": 1.5,
            "requests_per_second": 5000, "calls_left": 4999,
        },
        "last_answer_at": AT, "last_failure_at": None, "seen_at": AT,
        "certificates": [CERTIFICATE],
    }],
}  # fmt: skip
SIMULATOR: Final = {
    "orders": 1, "orders_open": 0, "orders_repeated": 0, "notices_owed": 0, "notices_answered": 1,
    "calls_failed": 0, "payments_made": 1,
}  # fmt: skip
DECLARED: Final = {
    "ispb": OTHER, "name": "Outro Banco", "providers": [{"name": "psp", "kind": "simulator"}]
}  # fmt: skip
WINDOW: Final = {"since": AT, "until": "2026-11-26T13:00:00Z"}
RESEND: Final = {"since": "2026-11-26T12:00:00+00:00", "until": "2026-11-26T13:00:00+00:00"}
PAYMENT: Final = {"end_to_end_id": E2E, "amount": 1500, "txid": None}
PAYER: Final = {"name": "Fulano de Tal", "document": "12345678909"}


class Case(Struct, frozen=True):
    """`endpoint` as the document has it, `path` as it is called; what the desk is asked, its
    answer, and the body that is sent.
    """

    endpoint: str
    path: str
    verb: str
    arguments: dict[str, Any]
    answer: Any
    body: dict[str, Any] | None = None


CASES: Final = [
    Case("GET /institutions", "/institutions", "institutions", {}, [LINE]),
    Case(
        "GET /institutions/{ispb}", f"/institutions/{OTHER}", "institution",
        {"institution": OTHER},
        LINE | {
            "declaration": DECLARED, "remainder": {"balances": 1, "in_flight": {"payouts": 2}},
            "steps": [{"event": "opened", "state": "active", "reason": "", "at": AT}],
        },
    ),
    Case(
        "POST /institutions", "/institutions", "institution_add",
        {
            "declaration": {
                "ispb": OTHER, "name": "Outro Banco", "ledger_policy": "standin_limited",
                "providers": [{
                    "name": "psp", "kind": "simulator", "url": "", "callback": None, "psp": None,
                    "limits": {
                        "connections_max": 64, "requests_per_second": 5000,
                        "wait_seconds_max": 1.0, "breaker_failures": 10,
                        "breaker_pause_seconds": 2.0, "breaker_pause_seconds_max": 60.0,
                    },
                    "dynamic_codes": False,
                }],
            },
            **WHY,
        },
        LINE | {"is_new": True, "notes": ["say it in the configuration"]},
        DECLARED | WHY,
    ),
    Case(
        "POST /institutions/{ispb}/suspend", f"/institutions/{OTHER}/suspend",
        "institution_suspend", {"institution": OTHER, **WHY}, LINE | {"state": "suspended"}, WHY,
    ),
    Case(
        "POST /institutions/{ispb}/resume", f"/institutions/{OTHER}/resume",
        "institution_resume", {"institution": OTHER, **WHY}, LINE, WHY,
    ),
    Case(
        "POST /institutions/{ispb}/merchants", f"/institutions/{ISPB}/merchants",
        "merchant_enroll",
        {
            "institution": ISPB, "name": "Armazem", "document": "00000000000191", "city": "Santos",
            **WHY,
        },
        {"merchant_id": "mch_1", "account_id": "acc_1", "pix_keys": ["k"], "api_key": "sk_live_1"},
        {"name": "Armazem", "document": "00000000000191", "city": "Santos", **WHY},
    ),
    Case(
        "GET /jobs", "/jobs?state=retryable&kind=reconcile_day&limit=5", "jobs",
        {"state": "retryable", "kind": "reconcile_day", "limit": 5},
        [{
            "id": "job_1", "kind": "reconcile_day", "state": "retryable", "priority": 5,
            "attempt": 2, "attempts_max": 20, "run_at": AT, "error": "Unavailable: provider",
        }],
    ),
    Case("GET /jobs/{job_id}", "/jobs/job_1", "job", {"id": "job_1"}, JOB),
    Case("GET /job-board", "/job-board", "job_board", {}, BOARD),
    Case(
        "POST /jobs/{job_id}/retry", "/jobs/job_1/retry", "job_retry", {"id": "job_1", **WHY},
        JOB | {"state": "available"}, WHY,
    ),
    Case(
        "POST /jobs/{job_id}/cancel", "/jobs/job_1/cancel", "job_cancel",
        {"id": "job_1", **WHY}, JOB | {"state": "cancelled"}, WHY,
    ),
    Case(
        "POST /job-board/pause", "/job-board/pause", "jobs_pause",
        {"kind": "reconcile_day", **WHY}, BOARD, {"kind": "reconcile_day", **WHY},
    ),
    Case(
        "POST /job-board/resume", "/job-board/resume", "jobs_resume",
        {"schedule": "daily", **WHY}, BOARD, {"schedule": "daily", **WHY},
    ),
    Case(
        "GET /dead-letters", "/dead-letters?state=any", "dead_letters",
        {"state": "any", "limit": 50}, [LETTER],
    ),
    Case(
        "GET /dead-letters/{dead_letter_id}", "/dead-letters/17", "dead_letter", {"id": 17}, LETTER
    ),
    Case(
        "POST /dead-letters/{dead_letter_id}/replay", "/dead-letters/17/replay",
        "dead_letter_replay", {"id": 17, **WHY}, {"replayed": [17]}, WHY,
    ),
    Case(
        "POST /dead-letters/replay", "/dead-letters/replay", "dead_letter_replay",
        {"all": True, **WHY}, {"replayed": [16, 17]}, WHY,
    ),
    Case(
        "POST /dead-letters/{dead_letter_id}/discard", "/dead-letters/17/discard",
        "dead_letter_discard", {"id": 17, **WHY}, LETTER | {"state": "discarded"}, WHY,
    ),
    Case(
        "GET /holds", "/holds", "holds", {},
        [{
            "id": "tb_1", "kind": "payout_hold", "amount": 100, "held_at": AT,
            "finding": "nobody knows it", "found_at": AT,
        }],
    ),
    Case(
        "GET /reconciliation/differences", "/reconciliation/differences?limit=7",
        "reconciliation", {"state": "open", "limit": 7}, [DIFFERENCE],
    ),
    Case(
        "GET /reconciliation/differences/{difference_id}", "/reconciliation/differences/4",
        "reconciliation_difference", {"id": 4}, DIFFERENCE,
    ),
    Case(
        "POST /reconciliation/differences/{difference_id}/resolve",
        "/reconciliation/differences/4/resolve", "reconciliation_resolve", {"id": 4, **WHY},
        DIFFERENCE | {"state": "resolved", "reason": "because"}, WHY,
    ),
    Case(
        "GET /reconciliation/runs", "/reconciliation/runs", "reconciliation_runs",
        {"limit": 50}, [RUN],
    ),
    Case(
        "POST /reconciliation/runs", "/reconciliation/runs", "reconciliation_run",
        {"day": "2026-11-25", **WHY}, {"job": "job_1"}, {"day": "2026-11-25", **WHY},
    ),
    Case("GET /streams", "/streams", "streams", {}, STREAMS),
    Case("GET /bus", "/bus", "bus", {}, BUS),
    Case("GET /webhooks", "/webhooks?limit=5", "webhooks", {"limit": 5}, WEBHOOKS),
    Case(
        "POST /webhooks/{webhook_id}/resend", "/webhooks/whk_1/resend", "webhooks_resend",
        {"id": "whk_1", **RESEND, "all": True, **WHY}, {"scheduled": 3, "next_start": None},
        {**WINDOW, "status": "all", **WHY},
    ),
    Case("GET /sealing", "/sealing", "sealing", {}, SEALING),
    Case("POST /sealing/rotate", "/sealing/rotate", "sealing_rotate", WHY, SEALING, WHY),
    Case(
        "GET /retention", "/retention", "retention", {},
        [{"records": "jobs", "days": 30, "count": 12, "has_more": False}],
    ),
    Case("POST /retention/runs", "/retention/runs", "retention_run", WHY, {"job": "job_1"}, WHY),
    Case(
        "POST /audit/verifications", "/audit/verifications", "audit_verify",
        {"checkpoints": True}, VERIFICATION | {"is_over": False, "report": []},
        {"checkpoints": True},
    ),
    Case(
        "GET /audit/verifications/{number}", "/audit/verifications/3", "audit_verify",
        {"run": 3}, VERIFICATION,
    ),
    Case(
        "GET /audit/lines/{line}/proof", "/audit/lines/42/proof", "audit_prove", {"line": 42}, PROOF
    ),
    Case(
        "GET /audit/keys", "/audit/keys", "audit_keys", {}, [{"id": "k1", "public_key": "00ff"}]
    ),
    Case("GET /providers", "/providers", "providers", {}, PROVIDERS),
    Case(
        "GET /certificates", "/certificates", "certificates", {},
        [{"institution": "", "provider": "", **CERTIFICATE, "kind": "server"}],
    ),
    Case("GET /simulator", "/simulator", "simulator", {}, SIMULATOR),
    Case(
        "POST /simulator/pay", "/simulator/pay", "simulator_pay",
        {
            "payment": {"br_code": "0002", "payer": PAYER, "copies": 1, "is_told": True},
            **WHY,
        },
        PAYMENT, {"br_code": "0002", **WHY},
    ),
    Case(
        "POST /simulator/pay-key", "/simulator/pay-key", "simulator_pay_key",
        {"payment": {"pix_key": "k", "amount": 1500, "payer": PAYER, "is_told": False}, **WHY},
        PAYMENT, {"pix_key": "k", "amount": 1500, "is_told": False, **WHY},
    ),
    Case(
        "POST /simulator/frauds", "/simulator/frauds", "simulator_report_fraud",
        {
            "report": {
                "end_to_end_id": E2E, "situation": "SCAM", "details": "", "copies": 1,
                "withdrawn": "last",
            },
            **WHY,
        },
        {"id": "inf_1"}, {"end_to_end_id": E2E, "withdrawn": "last", **WHY},
    ),
    Case(
        "POST /simulator/statement-faults", "/simulator/statement-faults", "simulator_falsify",
        {"falsehood": {"id": E2E, "fault": "missing", "amount": 1}, **WHY},
        {"ispb": ISPB, "id": E2E, "fault": "missing", "amount": 1},
        {"id": E2E, "fault": "missing", **WHY},
    ),
]  # fmt: skip
ROOMS: Final = (
    institutions, jobs, queues, reconciliation, streams, webhooks, sealing, audit_trail, providers,
)  # fmt: skip
# Whose it is stands in the path, or it is nobody's.
OF_NO_INSTITUTION: Final = {
    "GET /institutions", "GET /institutions/{ispb}", "POST /institutions",
    "POST /institutions/{ispb}/suspend", "POST /institutions/{ispb}/resume",
    "POST /institutions/{ispb}/merchants", "GET /bus", "GET /certificates", "GET /simulator",
}  # fmt: skip
OF_ONE: Final = [one for one in CASES if one.endpoint not in OF_NO_INSTITUTION]
DEEDS: Final = [one for one in CASES if one.body is not None and "reason" in one.body]


def name_of(case: Case) -> str:
    return case.endpoint


class Room:
    """A world, and people of its institution who have logged in."""

    def __init__(self, world: World, owner: Person) -> None:
        self.world, self.owner = world, owner

    async def call(self, case: Case, who: Person | None = None, query: str = "") -> tuple[int, Any]:
        person = who or self.owner
        path = f"/api/v1/operations{case.path}"
        path += ("&" if "?" in path else "?") + query if query else ""
        method = case.endpoint.partition(" ")[0]
        response = await person.client.open(
            path, method=method, headers=person.headers, json=case.body
        )
        return response.status_code, await response.get_json()


@pytest.fixture
async def room() -> Room:
    world = World()
    owner = await Person.of(world, merchant_id=None)
    await owner.log_in()
    return Room(world, owner)


def test_every_endpoint_of_the_rooms_has_a_case() -> None:
    served = {
        f"{one.method} {one.path.removeprefix('/api/v1/operations')}"
        for room in ROOMS
        for one in room.routes.endpoints
    }
    assert served == {one.endpoint for one in CASES}
    assert len(served) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=name_of)
async def test_it_asks_the_desk_its_verb_and_says_the_answer(case: Case, room: Room) -> None:
    room.world.desk.answers[case.verb] = case.answer
    status, body = await room.call(case)
    assert status in {200, 201, 202}, body

    [(operator, verb, arguments)] = room.world.desk.asked
    assert (verb, arguments) == (case.verb, case.arguments)
    assert (operator.user_id, operator.ispb) == (room.owner.user_id, ISPB)
    assert _is_part_of(body["data"], case.answer)


@pytest.mark.parametrize("case", OF_ONE, ids=name_of)
async def test_another_institution_is_named_to_the_desk_which_decides(
    case: Case, room: Room
) -> None:
    room.world.desk.answers[case.verb] = Refused("not_an_operator", "another's is not yours")
    status, body = await room.call(case, query=f"institution={OTHER}")
    assert (status, body["error"]["code"]) == (403, "not_an_operator")
    assert room.world.desk.asked[0][2]["institution"] == OTHER

    room.world.desk.answers[case.verb] = Refused("institution_not_found", "there is none")
    assert (await room.call(case, query=f"institution={OTHER}"))[0] == 404


@pytest.mark.parametrize("case", DEEDS, ids=name_of)
async def test_a_deed_says_why_and_is_not_for_managers(case: Case, room: Room) -> None:
    assert case.body is not None
    silent = {name: one for name, one in case.body.items() if name != "reason"}
    said = Case(case.endpoint, case.path, case.verb, {}, None, silent)
    status, body = await room.call(said)
    assert (status, body["error"]["details"]["field"]) == (422, "reason")

    manager = await Person.of(room.world, role=Role.MANAGER, document=OTHER_CPF, merchant_id=None)
    await manager.log_in()
    assert (await room.call(case, manager))[0] == 403
    assert room.world.desk.asked == []


async def test_no_merchant_comes_in_neither_by_person_nor_by_key(room: Room) -> None:
    merchant = await Person.of(room.world, document=OTHER_CPF)
    await merchant.log_in()
    key = room.world.key("*", "operations:*")
    for case in CASES:
        assert (await room.call(case, merchant))[0] == 403, case.endpoint
        response = await merchant.client.open(
            f"/api/v1/operations{case.path}",
            method=case.endpoint.partition(" ")[0],
            headers=bearer(key),
            json=case.body,
        )
        assert response.status_code == 403, case.endpoint
    assert room.world.desk.asked == []


async def test_what_needs_two_people_says_which_approval_it_waits_for(room: Room) -> None:
    details = {"approval_id": "apr_1", "expires_at": AT}
    room.world.desk.answers["sealing_rotate"] = Refused(
        "needs_approval", "proposed, not done", details=details
    )
    [rotate] = [one for one in CASES if one.verb == "sealing_rotate"]
    status, body = await room.call(rotate)
    assert (status, body["error"]["code"]) == (409, "needs_approval")
    assert body["error"]["details"] == details


@pytest.mark.parametrize("case", [one for one in CASES if "simulator" in one.verb], ids=name_of)
async def test_without_a_simulator_there_is_nothing_to_play_with(case: Case, room: Room) -> None:
    room.world.desk.answers[case.verb] = Refused("unknown_verb", f"there is no verb {case.verb}")
    status, body = await room.call(case)
    assert (status, body["error"]["code"]) == (404, "not_found")


async def test_what_the_simulator_refuses_comes_with_its_word(room: Room) -> None:
    room.world.desk.answers["simulator_pay"] = Refused(
        "simulator_refused", "neither you nor the code say how much",
        details={"code": "amount_missing"},
    )  # fmt: skip
    [pay] = [one for one in CASES if one.verb == "simulator_pay"]
    status, body = await room.call(pay)
    assert (status, body["error"]["details"]["code"]) == (422, "amount_missing")


async def test_refusals_of_the_rooms_come_with_their_status(room: Room) -> None:
    by_verb = {one.verb: one for one in CASES}
    for verb, code, status in (
        ("job", "job_not_found", 404),
        ("job_retry", "job_not_waiting", 409),
        ("job_cancel", "job_ended", 409),
        ("dead_letter_discard", "dead_letter_decided", 409),
        ("reconciliation_resolve", "difference_ended", 409),
        ("reconciliation_run", "day_not_over", 409),
        ("webhooks_resend", "webhook_disabled", 409),
        ("institution_add", "institution_invalid", 422),
        ("institution_suspend", "institution_state", 409),
        ("merchant_enroll", "invalid_document", 422),
        ("merchant_enroll", "merchant_enrolled", 409),
        ("audit_prove", "audit_line_not_sealed", 409),
    ):
        room.world.desk.answers[verb] = Refused(code, "no")
        answered, body = await room.call(by_verb[verb])
        assert (answered, body["error"]["code"]) == (status, code)


@pytest.mark.parametrize("cut", [None, -1], ids=["whole", "cut off"])
async def test_a_dead_message_tells_nothing_of_people(room: Room, cut: int | None) -> None:
    message = '{"payer":{"name":"Ana Souza","document":"52998224725"},"amount":5}'[:cut]
    room.world.desk.answers["dead_letter"] = LETTER | {"body": message}
    [case] = [one for one in CASES if one.verb == "dead_letter"]
    _, body = await room.call(case)
    assert "52998224725" not in body["data"]["body"]
    assert '"amount":5' in body["data"]["body"]
    assert "Ana Souza" not in body["data"]["body"]


async def test_a_desk_that_is_away_is_an_outage(room: Room) -> None:
    room.world.desk.answers["streams"] = Unavailable("nats", "connection refused")
    [case] = [one for one in CASES if one.verb == "streams"]
    status, body = await room.call(case)
    assert (status, body["error"]["code"]) == (503, "unavailable")


async def test_numbers_in_paths_are_numbers(room: Room) -> None:
    for path in ("/dead-letters/x", "/audit/lines/-1/proof", "/audit/verifications/1e3"):
        response = await room.owner.get(f"/api/v1/operations{path}")
        assert response.status_code == 422, path


def _is_part_of(said: Any, answer: Any) -> bool:
    """What is said is what the desk answered, though perhaps not all of it."""
    if isinstance(said, dict):
        return all(_is_part_of(one, answer.get(name)) for name, one in said.items())
    if isinstance(said, list):
        pairs = zip(said, answer, strict=True)
        return all(_is_part_of(one, other) for one, other in pairs)
    return bool(said == answer)
