"""Proving a ledger on a platform at work: I1 to I8, institution by institution, when asked to.

It may take minutes, so the actor that is asked starts, or joins, a run, and tells how far it is.
"""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any

import structlog
from msgspec import Struct
from msgspec.structs import asdict

from actors.ledger_sessions import SharedTigerBeetle
from actors.platform import Platform
from fluxiq import settings as config
from fluxiq.errors import Unavailable
from fluxiq.ledgers.journal import PostgresJournal
from fluxiq.ledgers.ledger_accounts import PostgresAccounts
from fluxiq.ledgers.parts import Mode
from fluxiq.ledgers.verify import verify_ledger
from fluxiq.ledgers.verify_tigerbeetle import verify_tigerbeetle
from supervisors import Actor, Caller, ChildSpec, Context

RECONCILER = "operations/ledger_reconciler"
STATEMENT_SECONDS_MAX = 3600.0  # a deep look sorts every transfer

_log = structlog.get_logger("ledger")


class Verify(Struct, frozen=True):
    """Call: answers a `Run`: with `number` that one, without it one under way, else a new one."""

    deep: bool = False
    number: int | None = None


class Run(Struct, kw_only=True):
    """One look at the ledgers of all institutions. `report` has an entry for each that is done."""

    number: int
    deep: bool
    is_over: bool = False
    report: list[dict[str, Any]] = []


class LedgerReconciler(Actor):
    """Keeps the last run. One at a time: two would only slow each other, and the payments."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._run: Run | None = None

    def handle_call(self, message: Verify, caller: Caller) -> Run | None:
        run = self._run
        if message.number is not None:
            if run is None or run.number != message.number:
                caller.fail(ValueError(f"there is no run {message.number} any more"))
                return None
            return run
        if run is None or run.is_over:
            run = self._run = Run(number=1 if run is None else run.number + 1, deep=message.deep)
            self.start_soon(self._verify, run)
        return run

    def init(self, context: Context) -> None:
        context.report(runs=0)

    async def _verify(self, run: Run) -> None:
        self.context.report(runs=run.number, at_work=True)
        try:
            for institution in self._platform.register.all():
                run.report.append(
                    await verify_institution(self._platform, institution, deep=run.deep)
                )
        finally:
            run.is_over = True
            self.context.report(at_work=False)


def ledger_reconciler(platform: Platform) -> ChildSpec:
    return LedgerReconciler.spec(platform, id="ledger_reconciler")


async def verify_institution(
    platform: Platform, institution: config.Institution, *, deep: bool
) -> dict[str, Any]:
    """What was proven and what was found, as plain data; what could not be asked is a finding."""
    told: dict[str, Any] = {"institution": institution.ispb, "findings": []}
    try:
        async with AsyncExitStack() as stack:
            await _verify_institution(platform, institution, stack, told, deep=deep)
    except Unavailable as error:
        told["findings"].append({"invariant": "outage", "what": str(error)})
    if told["findings"]:
        _log.error("ledger_findings", institution=institution.ispb, findings=told["findings"][:10])
    return told


async def _verify_institution(
    platform: Platform,
    institution: config.Institution,
    stack: AsyncExitStack,
    told: dict[str, Any],
    *,
    deep: bool,
) -> None:
    ispb, ledger = institution.ispb, institution.ledger
    pool = await stack.enter_async_context(
        platform.servers.open_postgres(
            platform.host.get(), ispb, size=1, seconds_max=STATEMENT_SECONDS_MAX
        )
    )
    authority = await PostgresJournal(pool).authority()
    told |= {"mode": authority.mode.value, "epoch": authority.epoch}
    verdict = asdict(await verify_ledger(pool, ledger, deep=deep))
    told["findings"] += _plain(verdict.pop("findings"))
    told |= verdict
    if authority.mode is not Mode.TIGERBEETLE or not platform.board.configured:
        return

    settings = platform.settings.ledger
    compared = asdict(
        await verify_tigerbeetle(
            pool,
            PostgresAccounts(pool, ledger),
            SharedTigerBeetle(platform.sessions, ledger, settings),
            page=settings.batch_max,
            deep=deep,
        )
    )
    told["findings"] += _plain(compared.pop("findings"))
    told["tigerbeetle"] = compared


def _plain(findings: Sequence[Any]) -> list[dict[str, str]]:
    return [{"invariant": one.invariant, "what": one.what} for one in findings]
