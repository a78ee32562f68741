"""The rooms of operations on a real platform: Aurora operates it, Boreal itself and nothing else.

The chiefs are those of `demo_logins`; the embedded profile names Aurora in `[operators]`.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

import httpx
import msgspec
import pytest

from fluxiq.domain.audit_proof import LineProof, ProofVerdict, check
from fluxiq.domain.audit_signature import TrustedKeys
from tests.support.folders import short_folder
from tests.support.platform import PlatformProcess

AURORA, BOREAL = "12345678", "87654321"
ROOT: Final = "/api/v1/operations"
SECONDS_MAX: Final = 20.0
Json = dict[str, Any]
T = TypeVar("T")

LOOKS: Final = (
    "/institutions", "/jobs", "/job-board", "/dead-letters", "/holds",
    "/reconciliation/differences", "/reconciliation/runs", "/streams", "/webhooks", "/sealing",
    "/retention", "/audit/keys", "/providers",
)  # fmt: skip
OF_THE_PLATFORM: Final = ("/bus", "/certificates", "/simulator")


class Chief:
    """The owner of an institution's own people, logged in."""

    def __init__(self, platform: PlatformProcess, ispb: str) -> None:
        self.login = platform.logins[ispb]
        self.http = httpx.Client(base_url=platform.addresses.api, trust_env=False, timeout=30)
        person = self.login.chief
        assert person is not None
        said = {"document": person.document, "password": person.password, "ispb": ispb}
        tokens = self.http.post("/api/v1/auth/login", json=said).json()["data"]
        self.http.headers["Authorization"] = f"Bearer {tokens['access_token']}"

    def look(self, path: str, **query: str | int) -> Any:
        response = self.http.get(ROOT + path, params=query)
        assert response.is_success, f"{path}: {response.text}"
        return response.json()["data"]

    def do(self, path: str, **body: Any) -> Any:
        response = self.http.post(ROOT + path, json={"reason": "a test", **body})
        assert response.is_success, f"{path}: {response.text}"
        return response.json()["data"]

    def refused(self, method: str, path: str, **body: Any) -> str:
        response = self.http.request(method, ROOT + path, json=body or None)
        assert response.is_error, f"{path}: {response.text}"
        code: str = response.json()["error"]["code"]
        return code

    def trail(self) -> list[Json]:
        lines: list[Json] = self.http.get("/api/v1/audit", params={"per_page": 100}).json()["data"]
        return lines


@pytest.fixture(scope="module")
def platform() -> Iterator[PlatformProcess]:
    with short_folder("own") as folder:
        found = PlatformProcess(folder / "data", merchants=2)
        try:
            yield found.start()
        finally:
            found.close()


@contextmanager
def chief_of(platform: PlatformProcess, ispb: str) -> Iterator[Chief]:
    chief = Chief(platform, ispb)
    try:
        yield chief
    finally:
        chief.http.close()


def until(look: Callable[[], T], is_good: Callable[[T], bool]) -> T:
    """What `look` sees once it is good."""
    deadline = time.monotonic() + SECONDS_MAX
    while not is_good(seen := look()):
        assert time.monotonic() < deadline, seen
        time.sleep(0.1)
    return seen


def test_every_look_answers_for_ones_own_institution_and_for_no_other(
    platform: PlatformProcess,
) -> None:
    with chief_of(platform, AURORA) as aurora, chief_of(platform, BOREAL) as boreal:
        for path in LOOKS:
            own = msgspec.json.encode(boreal.look(path)).decode()
            assert AURORA not in own, path
            assert boreal.look(path, institution=BOREAL) is not None
            # Aurora operates the platform, and may name whom she means.
            aurora.look(path)
            if path != "/institutions":
                assert boreal.refused("GET", f"{path}?institution={AURORA}") == "not_an_operator"
                named = aurora.look(path, institution=BOREAL)
                if isinstance(named, dict) and "institution" in named:
                    assert named["institution"] == BOREAL
                unknown = aurora.refused("GET", f"{path}?institution=99999999")
                assert unknown == "institution_not_found"

        for path in OF_THE_PLATFORM:
            aurora.look(path)
            assert boreal.refused("GET", path) == "not_an_operator"
        assert [one["ispb"] for one in boreal.look("/institutions")] == [BOREAL]
        assert {one["ispb"] for one in aurora.look("/institutions")} == {AURORA, BOREAL}
        assert boreal.refused("GET", f"/institutions/{AURORA}") == "not_an_operator"
        assert aurora.look(f"/institutions/{BOREAL}")["declaration"]["ispb"] == BOREAL


def test_streams_links_and_endpoints_are_those_that_are_at_work(
    platform: PlatformProcess,
) -> None:
    with chief_of(platform, BOREAL) as boreal:
        work, ledger, _ = boreal.look("/streams")["streams"]
        assert len(work["consumers"]) == 8  # of four queues, in two partitions
        assert all(one["pulls"] >= 1 for one in work["consumers"])
        assert [one["name"] for one in ledger["consumers"]] == [f"{BOREAL}_ledger"]
        [link] = boreal.look("/providers")["providers"]
        assert (link["kind"], link["guard"]["breaker"]) == ("simulator", "closed")
        assert link["guard"]["calls_left"] == link["guard"]["requests_per_second"]


def test_what_one_does_is_done_and_is_on_ones_own_trail_only(
    platform: PlatformProcess,
) -> None:
    with chief_of(platform, AURORA) as aurora, chief_of(platform, BOREAL) as boreal:
        paid = boreal.do("/simulator/pay-key", pix_key=boreal.login.pix_key, amount=1500)
        board = boreal.do("/job-board/pause", kind="retention.prune")
        assert [one["paused"] for one in board["kinds"] if one["name"] == "retention.prune"] == [
            "a test"
        ]
        job = boreal.do("/retention/runs")["job"]
        assert boreal.look(f"/jobs/{job}")["state"] == "available"
        assert boreal.do(f"/jobs/{job}/cancel")["state"] == "cancelled"
        assert boreal.do(f"/jobs/{job}/retry")["state"] == "available"
        boreal.do("/job-board/resume", kind="retention.prune")
        assert aurora.refused("GET", f"/jobs/{job}") == "job_not_found"
        assert aurora.look(f"/jobs/{job}", institution=BOREAL)["id"] == job

        compared = boreal.do("/reconciliation/runs")["job"]
        assert boreal.look(f"/jobs/{compared}")["kind"] == "reconciliation.recent"
        rotated = boreal.do("/sealing/rotate")
        assert len(rotated["keys"]) > 2
        moved_in = boreal.do(
            f"/institutions/{BOREAL}/merchants",
            name="Armazem", document="00000000000191", city="Santos",
        )  # fmt: skip
        _a_lost_answer_enrolls_nobody_twice(boreal)
        assert httpx.get(
            f"{platform.addresses.api}/api/v1/merchants",
            headers={"Authorization": f"Bearer {moved_in['api_key']}"},
            trust_env=False,
        ).is_success

        done = {"simulator_pay_key", "jobs_pause", "retention_run", "job_cancel", "sealing_rotate"}
        mine = _found(boreal, {f"operator.{one}" for one in done})
        chief = {one["credential"] for one in mine if one["action"].startswith("operator.")}
        assert len(chief) == 1
        assert chief.pop().startswith("usr_")
        # What the deed itself wrote bears the person too.
        cancelled = next(one for one in mine if one["action"] == "job.cancelled")
        assert cancelled["credential"].startswith("usr_")
        told = msgspec.json.encode(aurora.trail()).decode()
        assert job not in told
        assert paid["end_to_end_id"] not in told


def _a_lost_answer_enrolls_nobody_twice(chief: Chief) -> None:
    """Asked again under its key, a wizard made a second merchant."""
    path = f"{ROOT}/institutions/{BOREAL}/merchants"
    body = {"name": "Loja", "document": "52998224725", "city": "Santos", "reason": "a test"}
    under = {"Idempotency-Key": "wizard-1"}
    made = chief.http.post(path, json=body, headers=under)
    assert made.status_code == 201, made.text
    again = chief.http.post(path, json=body | {"reason": "the answer was lost"}, headers=under)
    assert again.status_code == 409, again.text
    error, one = again.json()["error"], made.json()["data"]
    assert error["code"] == "merchant_enrolled"
    assert error["details"] == {name: one[name] for name in ("merchant_id", "account_id")}
    assert one["api_key"] not in again.text
    other = chief.http.post(path, json=body | {"city": "Recife"}, headers=under)
    assert other.json()["error"]["code"] == "idempotency_key_reused"
    looked = chief.http.get("/api/v1/institution/merchants", params={"q": body["document"]})
    assert [found["id"] for found in looked.json()["data"]] == [one["merchant_id"]]


def _found(chief: Chief, actions: set[str]) -> list[Json]:
    """The trail, once all of these are on it: the book of deeds is taken over every few seconds."""
    return until(chief.trail, lambda lines: actions <= {one["action"] for one in lines})


def test_what_concerns_the_platform_is_for_those_who_operate_it(
    platform: PlatformProcess,
) -> None:
    why = {"reason": "a test"}
    with chief_of(platform, AURORA) as aurora, chief_of(platform, BOREAL) as boreal:
        assert boreal.refused("POST", f"/institutions/{BOREAL}/suspend", **why) == "not_an_operator"
        assert boreal.refused("POST", f"/institutions/{AURORA}/resume", **why) == "not_an_operator"
        declared = {
            "ispb": "11111111", "name": "Banco Novo",
            "providers": [{"name": "simulator", "kind": "simulator"}],
        }  # fmt: skip
        assert boreal.refused("POST", "/institutions", **declared, **why) == "not_an_operator"
        added = aurora.do("/institutions", **declared)
        assert (added["is_new"], added["state"], added["is_open"]) == (True, "active", True)
        assert aurora.do("/institutions", **declared)["is_new"] is False
        assert aurora.do("/institutions/11111111/suspend")["state"] == "suspended"
        assert aurora.do("/institutions/11111111/resume")["state"] == "active"
        wrong = declared | {"providers": [{"name": "psp", "kind": "bacen_psp"}], "ispb": "22222222"}
        assert aurora.refused("POST", "/institutions", **wrong, **why) == "institution_invalid"
        assert aurora.look("/streams", institution="11111111")["streams"][0]["consumers"]


def test_a_trail_is_verified_and_a_line_of_it_proven_with_the_public_key_alone(
    platform: PlatformProcess,
) -> None:
    with chief_of(platform, BOREAL) as boreal:
        run = boreal.http.post(f"{ROOT}/audit/verifications", json={"checkpoints": True})
        number = run.json()["data"]["number"]
        verdict = until(
            lambda: boreal.look(f"/audit/verifications/{number}"), lambda one: one["is_over"]
        )
        [report] = verdict["report"]
        assert (report["institution"], report["findings"]) == (BOREAL, [])
        assert report["lines"] > 0
        assert boreal.refused("GET", f"/audit/verifications/{number + 7}") == (
            "audit_verification_not_found"
        )

        line = next(one["id"] for one in reversed(boreal.trail()) if one["sealed"])
        keys = TrustedKeys([bytes.fromhex(one["public_key"]) for one in boreal.look("/audit/keys")])
        said = boreal.look(f"/audit/lines/{line}/proof")
        assert check(msgspec.convert(said, LineProof), keys) is ProofVerdict.HOLDS
        said["line"]["action"] = "something.else"
        assert check(msgspec.convert(said, LineProof), keys) is ProofVerdict.NOT_THE_LINE


def test_deliveries_that_failed_are_sent_again_by_who_operates_the_institution(
    platform: PlatformProcess,
) -> None:
    now = datetime.now(UTC)
    window = {
        "since": (now - timedelta(hours=1)).isoformat(),
        "until": (now + timedelta(hours=1)).isoformat(),
        "status": "all",
    }
    with chief_of(platform, AURORA) as aurora, chief_of(platform, BOREAL) as boreal:
        headers = {"Authorization": f"Bearer {boreal.login.api_key}"}
        made = boreal.http.post(
            "/api/v1/webhooks", json={"url": "http://127.0.0.1:9/nobody"}, headers=headers
        ).json()["data"]["id"]
        boreal.http.post(f"/api/v1/webhooks/{made}/test", headers=headers)
        one = until(
            lambda: boreal.look("/webhooks")["endpoints"][0], lambda one: one["attempts_hour"] > 0
        )
        assert (one["id"], one["waiting"], one["delivered_hour"]) == (made, 1, 0)
        assert one["breaker"] in {"closed", "open", "half_open"}
        assert boreal.do(f"/webhooks/{made}/resend", **window)["scheduled"] == 0  # it has not ended
        assert aurora.refused(
            "POST", f"/webhooks/{made}/resend", reason="not hers", **window
        ) == "webhook_not_found"  # fmt: skip
