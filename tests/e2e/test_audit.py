"""The audit trail of a running platform: sealed, witnessed, verified, searched, proven offline."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from fluxiq.admin.client import ask
from tests.support.commands import fluxiq
from tests.support.merchants import Inside, data_of, eventually, open_caller
from tests.support.platform import PlatformProcess

ISPB = "12345678"


def socket_of(platform: PlatformProcess) -> Path:
    return Path(platform.addresses.admin_socket)


async def lines_about(platform: PlatformProcess, **wanted: Any) -> list[dict[str, Any]]:
    found = await ask(socket_of(platform), "audit_search", institution=ISPB, limit=1000, **wanted)
    lines: list[dict[str, Any]] = found["data"]
    return lines


async def a_sealed_charge(platform: PlatformProcess) -> tuple[httpx.Response, dict[str, Any]]:
    """The answer that made a charge, and the line that says so."""
    async with open_caller(platform.addresses.api, platform.logins[ISPB]) as caller:
        made = await caller.post("/pix/charges", {"amount": 10_00})
    subject = data_of(made)["id"]

    async def is_sealed() -> bool:
        return all(one["sealed"] for one in await lines_about(platform, subject=subject))

    await eventually(is_sealed)
    [line] = await lines_about(platform, subject=subject)
    return made, line


async def test_a_request_leaves_a_line_that_says_who_and_from_where(
    running_platform: PlatformProcess,
) -> None:
    made, line = await a_sealed_charge(running_platform)
    assert line["action"] == "charge.created"
    assert line["address"] == "127.0.0.1"
    assert line["request_id"] == made.headers["X-Request-Id"]
    assert line["credential"].startswith("key_")
    assert len(line["digest"]) == 64


async def test_what_an_actor_decides_comes_from_its_place_in_the_tree(
    running_platform: PlatformProcess,
) -> None:
    """The provider's notice was taken in by the door, and worked on by an actor."""
    platform, login = running_platform, running_platform.logins[ISPB]
    async with httpx.AsyncClient(trust_env=False) as http:
        paid = await http.post(
            f"{platform.addresses.simulator}/pay-key",
            json={"ispb": ISPB, "pix_key": login.pix_key, "amount": 3_00},
        )
    assert paid.is_success

    async def is_there() -> bool:
        return bool(await lines_about(platform, action="receipt.archived"))

    await eventually(is_there)
    [received, *_] = await lines_about(platform, action="receipt.archived")
    assert received["address"].startswith(f"root/institutions/{ISPB}/pix_in/")
    [noticed, *_] = await lines_about(platform, action="notice.recorded")
    assert (noticed["actor"], noticed["address"]) == ("provider", "127.0.0.1")


async def test_the_running_trail_is_whole_and_the_witness_agrees(
    running_platform: PlatformProcess,
) -> None:
    await a_sealed_charge(running_platform)
    done = await trio.to_thread.run_sync(
        lambda: fluxiq("audit", "verify", "--checkpoints", data_dir=running_platform.data_dir)
    )
    assert (done.status, done.complaints) == (0, [])
    assert done.stdout.count("the trail is whole") == 2


async def test_what_an_operator_did_is_on_the_trail_of_whom_it_concerns(
    running_platform: PlatformProcess,
) -> None:
    platform, path = running_platform, f"root/institutions/{ISPB}/window"
    reason = "audited restart"
    await ask(socket_of(platform), "restart", name=path, reason=reason, yes=True)

    async def is_there() -> bool:
        lines = await lines_about(platform, action="operator.restart")
        return len([one for one in lines if reason in one["note"]]) >= 2

    await eventually(is_there)
    done, asked, *_ = [
        one
        for one in await lines_about(platform, action="operator.restart")
        if reason in one["note"]
    ]
    assert (asked["note"], done["note"]) == (f"asked: {reason}", f"done: {reason}")
    assert asked["subject"] == path
    assert asked["credential"].startswith("unix:")
    assert asked["request_id"] == done["request_id"] != ""

    other = await ask(
        socket_of(platform), "audit_search", institution="87654321", action="operator.restart"
    )
    assert not [one for one in other["data"] if reason in one["note"]]


async def test_what_a_deed_writes_itself_has_the_number_of_the_deed(
    running_platform: PlatformProcess,
) -> None:
    platform = running_platform
    for verb in ("jobs_pause", "jobs_resume"):
        await ask(
            socket_of(platform), verb, institution=ISPB, kind="holds.watch", reason="a",
            yes=True,
        )  # fmt: skip
    [written, *_] = await lines_about(platform, action="job_kind.paused")
    assert written["credential"].startswith("unix:")

    async def is_there() -> bool:
        deeds = await lines_about(platform, action="operator.jobs_pause")
        return written["request_id"] in {one["request_id"] for one in deeds}

    await eventually(is_there)


async def test_a_proof_holds_offline_and_a_changed_one_does_not(
    running_platform: PlatformProcess, tmp_path: Path
) -> None:
    _, line = await a_sealed_charge(running_platform)
    data_dir = running_platform.data_dir

    def run(*words: str) -> Any:
        return fluxiq("audit", *words, data_dir=data_dir)

    proven = await trio.to_thread.run_sync(run, "prove", str(line["id"]), "--ispb", ISPB)
    shown = await trio.to_thread.run_sync(run, "keys", "--ispb", ISPB)
    public_key = shown.stdout.split()[-1]
    good, bad = tmp_path / "proof.json", tmp_path / "bad.json"
    good.write_text(proven.stdout)
    changed = json.loads(proven.stdout)
    changed["line"]["note"] = "something else"
    bad.write_text(json.dumps(changed))

    elsewhere = tmp_path / "nowhere"  # no platform, no keys

    def check(file: Path) -> Any:
        return fluxiq(
            "audit", "verify", "--proof", str(file), "--public-key", public_key,
            data_dir=elsewhere,
        )  # fmt: skip

    holds = await trio.to_thread.run_sync(check, good)
    assert (holds.status, "the proof holds" in holds.stdout) == (0, True)
    broken = await trio.to_thread.run_sync(check, bad)
    assert (broken.status, "DOES NOT HOLD" in broken.stdout) == (1, True)
    assert not elsewhere.exists()


async def test_search_and_export_find_the_same_lines(running_platform: PlatformProcess) -> None:
    _, line = await a_sealed_charge(running_platform)
    data_dir = running_platform.data_dir

    def run(*words: str) -> Any:
        return fluxiq(
            "audit", *words, "--ispb", ISPB, "--subject", line["subject"], data_dir=data_dir
        )

    searched = await trio.to_thread.run_sync(run, "search")
    assert line["subject"] in searched.stdout
    exported = await trio.to_thread.run_sync(run, "export")
    seal, told = [json.loads(one) for one in exported.stdout.splitlines()]
    assert (seal["type"], told["type"], told["id"]) == ("seal", "line", line["id"])
    assert told["seal"] == seal["seq"]
    spread = await trio.to_thread.run_sync(run, "export", "--format", "csv")
    assert spread.stdout.splitlines()[1].startswith(f"{line['id']},")


@pytest.mark.parametrize("words", [["verify", "--ispb", "00000000"], ["prove", "999999999"]])
def test_what_is_not_there_is_said_in_a_sentence(
    running_platform: PlatformProcess, words: list[str]
) -> None:
    done = fluxiq("audit", *words, data_dir=running_platform.data_dir)
    assert (done.status, len(done.complaints)) == (1, 1)


async def test_the_institution_may_add_checkpoints_and_read_none(
    running_platform: PlatformProcess, inside: Inside
) -> None:
    """Its own credentials for the bus reach no consumer of the witness's stream."""
    from actors.embedded.nats import institution_permissions  # noqa: PLC0415 - of this test alone

    allowed = institution_permissions(ISPB, [])
    assert f"FLUXIQ_AUDIT.{ISPB}.>" in allowed["publish"]["allow"]
    assert not [one for one in allowed["subscribe"]["allow"] if "AUDIT" in one]
    assert not [one for one in allowed["publish"]["allow"] if "API" in one and "AUDIT" in one]
