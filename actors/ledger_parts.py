"""What an institution's ledger is put together from, each part over its own connections."""

from actors.branch import Branch
from actors.ledger_board import Member
from actors.ledger_sessions import SharedTigerBeetle
from actors.ledger_writer import LedgerWriter, WriterRoom
from actors.stopping import LEDGER_WRITERS
from fluxiq.domain import postings
from fluxiq.ledgers.journal import PostgresJournal
from fluxiq.ledgers.ledger_accounts import PostgresAccounts
from fluxiq.ledgers.measured import MeasuredStandIn, MeasuredTigerBeetle
from fluxiq.ledgers.mirror import PostgresMirror
from fluxiq.ledgers.standin import PostgresStandIn
from fluxiq.ledgers.writer import Policy, Writer, WriterLimits
from fluxiq.settings import Ledger
from supervisors import ChildSpec

LEDGER_WRITER = "ledger_writer"
STOP_SECONDS_MAX = 10.0  # the batch in hand, and the answers that are not on paper yet


def ledger_writer(branch: Branch) -> ChildSpec:
    """Its mailbox refuses rather than blocks: who is told at once can tell its customer."""
    room = WriterRoom(
        institution=branch.ispb,
        board=branch.platform.board,
        metrics=branch.metrics,
        slot=branch.ledger,
        make=lambda member: writer_of(branch, member),
        outages=lambda: branch.links.get().postgres.statistics().outages,
    )
    return LedgerWriter.spec(
        room, id=LEDGER_WRITER, shutdown=STOP_SECONDS_MAX, phase=LEDGER_WRITERS
    )


def writer_of(branch: Branch, member: Member) -> Writer:
    """A writer that has not begun: over the institution's pool, and the sessions all share."""
    platform, institution, ispb = branch.platform, branch.institution, branch.ispb
    settings, metrics = platform.settings.ledger, branch.metrics
    postgres = branch.links.get().postgres
    tigerbeetle = None
    if platform.board.configured:
        shared = SharedTigerBeetle(platform.sessions, institution.ledger, settings)
        tigerbeetle = MeasuredTigerBeetle(shared, metrics, ispb)
    return Writer(
        ispb,
        institution.ledger,
        journal=PostgresJournal(postgres),
        mirror=PostgresMirror(postgres),
        standin=MeasuredStandIn(PostgresStandIn(postgres), metrics, ispb),
        accounts=PostgresAccounts(postgres, institution.ledger),
        tigerbeetle=tigerbeetle,
        breaker=member,
        policy=Policy(institution.ledger_policy),
        limits=writer_limits(settings),
        house=frozenset(
            account.id for account in postings.house_accounts(ispb, institution.ledger)
        ),
    )


def writer_limits(settings: Ledger) -> WriterLimits:
    """What `[ledger]` says about every writer."""
    return WriterLimits(
        sessions=settings.sessions,
        batch_max=settings.batch_max,
        waiting_max=settings.waiting_max,
        patience_seconds=settings.patience_seconds,
        drain_seconds_max=settings.drain_seconds_max,
        replay_rows=settings.replay_rows,
        mirror_behind_max=settings.mirror_behind_max,
        account_cap=settings.account_cap,
        institution_cap=settings.institution_cap,
    )
