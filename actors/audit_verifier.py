"""Verifying audit trails on a platform at work: institution by institution, when asked to.

It may take minutes, so the actor that is asked starts, or joins, a run, and tells how far it is.
"""

import time
from collections.abc import Sequence
from typing import Any

import structlog
from msgspec import Struct, to_builtins
from msgspec.structs import replace

from actors.audit_keys import trusted_keys
from actors.platform import Platform
from fluxiq.bus.checkpoints import JetStreamWitness
from fluxiq.errors import Refused, Unavailable
from fluxiq.services.verify_audit import AuditVerifier
from fluxiq.stores.audit_chain import PostgresAuditChain
from supervisors import Actor, Caller, ChildSpec, Context

AUDIT_VERIFIER = "operations/audit_verifier"
STATEMENT_SECONDS_MAX = 60.0
FINDINGS_LOGGED = 10

_log = structlog.get_logger("audit")


class VerifyAudit(Struct, frozen=True):
    """Call: answers an `AuditRun`: with `number` that one, without it one under way, else a new
    one, of `ispbs`. With `checkpoints` the witness is asked too. Fails with
    Refused("audit_verification_not_found"), and Unavailable while one of less is under way.
    """

    ispbs: tuple[str, ...] = ()
    checkpoints: bool = False
    number: int | None = None

    def is_within(self, other: "VerifyAudit") -> bool:
        """Whether a run of the `other` looks at all that is asked here."""
        return set(self.ispbs) <= set(other.ispbs) and self.checkpoints <= other.checkpoints


class AuditRun(Struct, kw_only=True):
    """One look at the trails. `report` has an entry for each institution that is done."""

    number: int
    is_over: bool = False
    report: list[dict[str, Any]] = []


class TrailVerifier(Actor):
    """Keeps the last run. One at a time: two would only slow each other, and the payments."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._run: AuditRun | None = None
        self._asked = VerifyAudit()  # what the run is about

    def init(self, context: Context) -> None:
        context.report(runs=0)

    def handle_call(self, message: VerifyAudit, caller: Caller) -> AuditRun | None:
        run = self._run
        if message.number is not None:
            if run is None or run.number != message.number:
                caller.fail(_gone(message.number))
                return None
            return run

        asked = replace(message, ispbs=message.ispbs or tuple(self._platform.ispbs))
        if run is None or run.is_over:
            run = self._run = AuditRun(number=1 if run is None else run.number + 1)
            self._asked = asked
            self.start_soon(self._verify, run, asked.ispbs, asked.checkpoints)
        elif not asked.is_within(self._asked):
            caller.fail(Unavailable("audit verifier", "verifies something else just now"))
            return None
        return run

    async def _verify(self, run: AuditRun, ispbs: Sequence[str], checkpoints: bool) -> None:
        self.context.report(runs=run.number, at_work=True)
        try:
            for ispb in ispbs:
                run.report.append(await verify_trail(self._platform, ispb, checkpoints=checkpoints))
        finally:
            run.is_over = True
            self.context.report(at_work=False)


def _gone(number: int) -> Refused:
    return Refused("audit_verification_not_found", f"there is no verification {number} any more")


def audit_verifier(platform: Platform) -> ChildSpec:
    return TrailVerifier.spec(platform, id="audit_verifier")


async def verify_trail(platform: Platform, ispb: str, *, checkpoints: bool) -> dict[str, Any]:
    """What was looked at and what is wrong, as plain data; an outage is a finding."""
    started = time.perf_counter()
    told: dict[str, Any] = {"institution": ispb}
    try:
        told |= await _verify(platform, ispb, checkpoints=checkpoints)
    except Unavailable as error:
        told["findings"] = [{"kind": "outage", "what": str(error), "seal": None, "line": None}]
    told["seconds"] = round(time.perf_counter() - started, 3)
    if told["findings"]:
        findings = told["findings"][:FINDINGS_LOGGED]
        _log.error("audit_findings", institution=ispb, findings=findings)
    return told


async def _verify(platform: Platform, ispb: str, *, checkpoints: bool) -> dict[str, Any]:
    """With a connection of its own, so that the payments' are not taken."""
    witness = JetStreamWitness(platform.links.get().bus, ispb) if checkpoints else None
    async with platform.servers.open_postgres(
        platform.host.get(), ispb, size=1, seconds_max=STATEMENT_SECONDS_MAX
    ) as postgres:
        verifier = AuditVerifier(
            PostgresAuditChain(postgres), ispb, trusted_keys(platform, ispb), platform.clock.now()
        )
        verdict: dict[str, Any] = to_builtins(await verifier.verify(witness))
    return verdict
