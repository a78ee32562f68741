"""Verifying trails when asked: who asks for as much joins, and a number tells."""

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
import trio

from actors import audit_verifier as room
from actors.audit_verifier import AuditRun, VerifyAudit, audit_verifier
from actors.platform import Platform
from fluxiq.errors import Refused, Unavailable
from supervisors import Ref, Strategy, SupervisorSpec, open_tree

A, B = "11111111", "22222222"


class Trails:
    """What is verified, and whether it takes long."""

    def __init__(self) -> None:
        self.verified: list[tuple[str, bool]] = []
        self.may_end = trio.Event()

    async def verify(self, _platform: Platform, ispb: str, *, checkpoints: bool) -> dict[str, Any]:
        await self.may_end.wait()
        self.verified.append((ispb, checkpoints))
        return {"institution": ispb, "findings": []}


@pytest.fixture
def trails(monkeypatch: pytest.MonkeyPatch) -> Trails:
    made = Trails()
    monkeypatch.setattr(room, "verify_trail", made.verify)
    return made


@pytest.fixture
async def verifier(trails: Trails) -> AsyncIterator[Ref]:
    platform = cast("Platform", SimpleNamespace(ispbs=(A, B)))
    spec = SupervisorSpec(
        id="root", strategy=Strategy.ONE_FOR_ONE, children=[audit_verifier(platform)]
    )
    async with open_tree(spec, seed=1) as tree:
        yield tree.ref("audit_verifier")
        trails.may_end.set()


async def call(verifier: Ref, **said: Any) -> AuditRun:
    run = await verifier.call(VerifyAudit(**said), timeout=5)
    assert isinstance(run, AuditRun)
    return run


async def ended(verifier: Ref, number: int) -> AuditRun:
    run = await call(verifier, number=number)
    for _ in range(1000):
        if run.is_over:
            break
        await trio.lowlevel.checkpoint()
        run = await call(verifier, number=number)
    return run


async def test_a_run_is_joined_by_who_asks_for_what_it_looks_at(
    verifier: Ref, trails: Trails
) -> None:
    first = await call(verifier)
    assert (await call(verifier, ispbs=(B,))).number == first.number
    trails.may_end.set()
    assert [one["institution"] for one in (await ended(verifier, first.number)).report] == [A, B]
    assert trails.verified == [(A, False), (B, False)]


async def test_who_asks_for_more_than_is_under_way_comes_again(
    verifier: Ref, trails: Trails
) -> None:
    run = await call(verifier, ispbs=(A,))
    for more in ({"ispbs": (B,)}, {}, {"ispbs": (A,), "checkpoints": True}):
        with pytest.raises(Unavailable):
            await call(verifier, **more)
    trails.may_end.set()
    await ended(verifier, run.number)
    again = await call(verifier, ispbs=(B,))
    assert again.number == run.number + 1


async def test_a_run_that_is_not_kept_is_not_found(verifier: Ref, trails: Trails) -> None:
    trails.may_end.set()
    run = await call(verifier)
    with pytest.raises(Refused) as refused:
        await call(verifier, number=run.number + 1)
    assert refused.value.code == "audit_verification_not_found"
