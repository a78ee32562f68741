"""The audit trail over HTTP: who sees which lines, and exports that prove themselves."""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from fluxiq.domain.audit import Line, Place, Seal
from fluxiq.domain.audit_proof import PROOF_FORMAT, LineProof, ProofVerdict, check
from fluxiq.domain.audit_signature import TrustedKeys
from fluxiq.services import show_audit
from fluxiq.services.seal_audit import seal_waiting
from tests.support.api_twin import ISPB, World, bearer
from tests.support.memory_audit import BEGAN, KEY

AUDIT, EXPORT = "/api/v1/audit", "/api/v1/audit/export"


async def ask(world: World, path: str, *permissions: str) -> tuple[int, Any, bytes]:
    answer = (
        await world.app()
        .test_client()
        .get(path, headers=bearer(world.key(*(permissions or ("*",)))))
    )
    raw = bytes(await answer.get_data(as_text=False))
    return answer.status_code, answer.headers, raw


async def listed(world: World, query: str = "") -> list[dict[str, Any]]:
    status, _, raw = await ask(world, AUDIT + query)
    assert status == 200, raw
    found: list[dict[str, Any]] = msgspec.json.decode(raw)["data"]
    return found


async def refused(world: World, path: str, *permissions: str) -> tuple[int, str, str | None]:
    status, _, raw = await ask(world, path, *permissions)
    error = msgspec.json.decode(raw)["error"]
    return status, error["code"], error["details"].get("field")


@pytest.fixture
async def world() -> World:
    """Three lines of the merchant, one of another, one of nobody; the first two are sealed."""
    world, mine = World(), {}
    mine["merchant_id"] = world.merchant_id
    world.audit_chain.add("charge.created", note="=1+1", before=b"\x01" * 32, **mine)
    world.audit_chain.add("charge.cancelled", credential="key_9", **mine)
    await seal_waiting(world.audit_chain, ISPB, KEY, world.clock)
    world.audit_chain.now = BEGAN + timedelta(hours=1)
    world.audit_chain.add("payout.created", address="192.0.2.1", request_id="req_1", **mine)
    world.audit_chain.add("payout.created", merchant_id="mch_other")
    world.audit_chain.add("job.discarded")
    return world


async def test_a_merchant_sees_its_own_lines_newest_first(world: World) -> None:
    lines = await listed(world)
    assert [one["action"] for one in lines] == [
        "payout.created", "charge.cancelled", "charge.created"
    ]  # fmt: skip
    assert lines[0] == {
        "id": 3,
        "at": "2026-03-04T13:00:00Z",
        "actor": "key_1",
        "credential": "",
        "address": "192.0.2.1",
        "request_id": "req_1",
        "action": "payout.created",
        "subject": "thing_3",
        "before": None,
        "digest": f"{3:064x}",
        "note": "",
        "sealed": False,
    }
    assert [one["sealed"] for one in lines] == [False, True, True]
    assert lines[2]["before"] == "01" * 32


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("?action=charge.", [2, 1]),
        ("?action=charge.created", [1]),
        ("?actor=key_9", [2]),
        ("?subject=thing_3", [3]),
        ("?from=2026-03-04T12:30:00Z", [3]),
        ("?to=2026-03-04T12:30:00Z", [2, 1]),
        ("?from=2026-03-04T12:00:00Z&to=2026-03-04T13:00:00Z&actor=key_1", [2, 1]),
        ("?page=2&per_page=2", [1]),
        ("?subject=thing_4", []),
    ],
)
async def test_lines_are_picked(world: World, query: str, ids: list[int]) -> None:
    assert [one["id"] for one in await listed(world, query)] == ids


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("?from=yesterday", "from"),
        ("?from=2026-03-04T12:30:00", "from"),
        ("?from=2026-03-04T12:30:00Z&to=2026-03-04T12:30:00Z", "to"),
        ("?action=", "action"),
        ("?merchant_id=mch_other", "merchant_id"),
    ],
)
async def test_a_filter_that_is_none_is_refused_by_name(
    world: World, query: str, field: str
) -> None:
    assert await refused(world, AUDIT + query) == (422, "validation_failed", field)


async def test_a_key_needs_the_permission(world: World) -> None:
    for path in (AUDIT, EXPORT):
        assert (await refused(world, path, "pix:*"))[:2] == (403, "forbidden")
        assert (await ask(world, path, "audit:read"))[0] == 200


async def test_an_export_proves_each_of_its_lines(world: World) -> None:
    status, headers, raw = await ask(world, EXPORT)
    assert (status, headers["Content-Type"]) == (200, "application/jsonl")
    rows = [msgspec.json.decode(one) for one in raw.splitlines()]
    assert [(one["type"], one.get("id")) for one in rows] == [
        ("seal", None), ("line", 1), ("line", 2), ("line", 3)
    ]  # fmt: skip
    seal, *lines = rows
    for told in lines[:2]:
        assert check(proof_of(seal, told), TrustedKeys.of(KEY)) is ProofVerdict.HOLDS
    assert [lines[2][name] for name in ("seal", "index", "path")] == [None, None, None]

    lines[1]["note"] = "something else"
    proof = proof_of(seal, lines[1])
    assert check(proof, TrustedKeys.of(KEY)) is ProofVerdict.NOT_THE_LINE


def proof_of(seal: dict[str, Any], told: dict[str, Any]) -> LineProof:
    """Made of an export alone."""
    texts = {
        name: told[name] for name in Line.__struct_fields__ if name not in {"before", "digest"}
    }
    texts["at"] = datetime.fromisoformat(told["at"]).astimezone(UTC)
    return LineProof(
        format=PROOF_FORMAT,
        ispb=seal["ispb"],
        line=Line(
            **texts, before=bytes.fromhex(told["before"]), digest=bytes.fromhex(told["digest"])
        ),
        index=told["index"],
        path=tuple(bytes.fromhex(one) for one in told["path"]),
        seal=Seal(
            seq=seal["seq"],
            first=Place(seal["first_xid"], seal["first_id"]),
            last=Place(seal["last_xid"], seal["last_id"]),
            count=seal["count"],
            root=bytes.fromhex(seal["root"]),
            previous=bytes.fromhex(seal["previous"]),
            sealed_at=datetime.fromisoformat(seal["sealed_at"]),
            key_id=seal["key_id"],
            signature=bytes.fromhex(seal["signature"]),
        ),
    )


async def test_a_spreadsheet_gets_text_and_no_formula(world: World) -> None:
    status, headers, raw = await ask(world, f"{EXPORT}?format=csv&action=charge.")
    assert (status, headers["Content-Type"].split(";")[0]) == (200, "text/csv")
    assert "attachment" in headers["Content-Disposition"]
    head, first, second = list(csv.reader(io.StringIO(raw.decode())))
    row = dict(zip(head, first, strict=True))
    assert (row["id"], row["note"], row["seal"]) == ("1", "'=1+1", "1")
    assert second[0] == "2"


async def test_an_export_that_is_too_long_says_so(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(show_audit, "EXPORT_LINES_MAX", 2)
    assert (await refused(world, EXPORT))[:2] == (422, "audit_export_too_long")


async def test_an_export_of_damaged_lines_is_none(world: World) -> None:
    line = world.audit_chain.trail[1]
    world.audit_chain.trail[1] = msgspec.structs.replace(line, note="changed")
    assert (await refused(world, EXPORT))[:2] == (500, "audit_trail_damaged")
