"""Is the audit trail as it was written? Every seal, every line under it, what waits, and what the
witness outside was told. A page at a time: memory does not grow with the trail.
"""

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from fluxiq.domain.audit import NO_SEAL, START, Place, Purge, Seal, seal_hash
from fluxiq.domain.audit_retention import YEARS_MIN
from fluxiq.domain.audit_signature import TrustedKeys
from fluxiq.domain.merkle import root_of
from fluxiq.ports import Page
from fluxiq.ports.audit import AuditChain, LinesWanted, Witness
from fluxiq.services.compare_audit import Finding, Kind, compare
from fluxiq.services.seal_audit import hash_lines

SEALS_PAGE: Final = 100
ADDED_READ_MAX: Final = 1000  # lines of one batch beyond those that were sealed
FINDINGS_MAX: Final = 100  # then it is known well enough that something is wrong
UNSEALED_SECONDS_MAX: Final = 120.0  # a sealer that works needs seconds
_YEAR: Final = timedelta(days=365)


class Verdict(Struct, frozen=True, kw_only=True):
    """What was looked at, and what is wrong. `checkpoints` is None where nobody asked for them."""

    seals: int
    lines: int
    purged: int
    waiting: int
    checkpoints: int | None
    findings: tuple[Finding, ...]


class AuditVerifier:
    """One look at one institution's trail. Bring the public keys from outside the database."""

    def __init__(self, chain: AuditChain, ispb: str, trusted: TrustedKeys, now: datetime) -> None:
        self._chain = chain
        self._ispb = ispb
        self._trusted = trusted
        self._now = now
        self._findings: list[Finding] = []
        self._seals = self._lines = self._purged = 0
        self._last: Seal | None = None

    async def verify(self, witness: Witness | None = None) -> Verdict:
        """Raises Unavailable when it could not be looked at."""
        while len(self._findings) < FINDINGS_MAX:
            seals = await self._chain.seals(self._last.seq if self._last else 0, SEALS_PAGE)
            if not seals:
                break
            await self._check_page(seals)

        waiting = await self._check_waiting()
        checkpoints = None if witness is None else await self._check_checkpoints(witness)
        return Verdict(
            seals=self._seals,
            lines=self._lines,
            purged=self._purged,
            waiting=waiting,
            checkpoints=checkpoints,
            findings=tuple(self._findings[:FINDINGS_MAX]),
        )

    async def _check_page(self, seals: Sequence[Seal]) -> None:
        purges = await self._chain.purges(seals[0].seq, seals[-1].seq)
        for seal in seals:
            self._check_seal(seal)
            if (purge := purges.get(seal.seq)) is not None:
                await self._check_purge(seal, purge)
            await self._check_lines(seal, is_purged=purge is not None)
            self._seals, self._last = self._seals + 1, seal
            if len(self._findings) >= FINDINGS_MAX:
                return

    def _check_seal(self, seal: Seal) -> None:
        """Its signature, and that it follows on the one before it."""
        if not self._trusted.knows(seal.key_id):
            self._find(Kind.UNKNOWN_KEY, seal, f"was signed by {seal.key_id}, which is not ours")
        elif not self._trusted.signed(self._ispb, seal):
            self._find(Kind.WRONG_SIGNATURE, seal, "is not as it was signed")

        before = self._last
        expected = 1 if before is None else before.seq + 1
        if seal.seq != expected:
            for gone in range(expected, min(seal.seq, expected + FINDINGS_MAX)):
                self._findings.append(
                    Finding(kind=Kind.SEAL_MISSING, seal=gone, what=f"seal {gone} is not there")
                )
        elif seal.previous != (NO_SEAL if before is None else seal_hash(self._ispb, before)):
            self._find(Kind.CHAIN_BROKEN, seal, "does not follow on the seal before it")

    async def _check_lines(self, seal: Seal, *, is_purged: bool) -> None:
        count = 0 if is_purged else seal.count
        lines = await self._chain.lines(self._behind(seal), seal.last, count + ADDED_READ_MAX)
        self._lines += len(lines)
        if is_purged:
            for line in lines:
                what = f"line {line.id} stands where all were purged"
                self._find(Kind.ADDED, seal, what, line.id)
            return

        hashes = await hash_lines(lines)
        if len(lines) != seal.count or root_of(hashes) != seal.root:
            known = await self._chain.leaves(seal.seq)
            self._findings += compare(seal, lines, hashes, known)

    async def _check_purge(self, seal: Seal, purge: Purge) -> None:
        """Only whole batches go, none before its time, and who did it is on the trail."""
        self._purged += purge.count
        if purge.count != seal.count:
            what = f"{purge.count} of {seal.count} lines were there to be purged"
            self._find(Kind.MISSING, seal, what)
        if purge.purged_at < seal.sealed_at + YEARS_MIN * _YEAR:
            self._find(Kind.PURGED_EARLY, seal, f"was purged before {YEARS_MIN} years were over")
        if purge.purged_at < self._now - YEARS_MIN * _YEAR:
            return  # the line about it may have been purged in its turn

        wanted = LinesWanted(subject=f"seal:{seal.seq}", action="audit.purged")
        _, told = await self._chain.page(wanted, Page(size=1))
        if not told:
            self._find(Kind.PURGE_UNRECORDED, seal, "was purged, and no line says by whom")

    async def _check_waiting(self) -> int:
        waiting = await self._chain.waiting(START if self._last is None else self._last.last)
        oldest = waiting.oldest
        if oldest is not None and (self._now - oldest).total_seconds() > UNSEALED_SECONDS_MAX:
            self._findings.append(
                Finding(
                    kind=Kind.UNSEALED,
                    what=f"{waiting.count} lines since {oldest} are under no seal: the sealer does"
                    " not work, or seals were cut off",
                )
            )
        return waiting.count

    async def _check_checkpoints(self, witness: Witness) -> int:
        told = last = 0
        async with aclosing(witness.told()) as pages:
            async for page in pages:
                seals = [seal for seal in page if seal is not None]
                if len(seals) < len(page):
                    what = f"{len(page) - len(seals)} messages to the witness are no seals of ours"
                    self._findings.append(Finding(kind=Kind.WRONG_SIGNATURE, what=what))
                there = await self._chain.seals_at([seal.seq for seal in seals])
                for seal in seals:
                    self._check_checkpoint(seal, there)
                told = told + len(seals)
                last = max([last, *(seal.seq for seal in seals)])
                if len(self._findings) >= FINDINGS_MAX:
                    return told

        if last < (noted := await self._chain.published_upto()):
            self._findings.append(
                Finding(
                    kind=Kind.CHECKPOINT_MISSING,
                    seal=last + 1,
                    what=f"the witness was told of {noted} seals and has none after {last}",
                )
            )
        return told

    def _check_checkpoint(self, told: Seal, there: Mapping[int, Seal]) -> None:
        """Only what one of our keys signed is a witness; anybody may have said the rest."""
        if not self._trusted.signed(self._ispb, told):
            self._find(Kind.WRONG_SIGNATURE, told, "was told to the witness by somebody else")
        elif told.seq not in there:
            beyond = self._last is None or told.seq > self._last.seq
            kind = Kind.TAIL_CUT if beyond else Kind.SEAL_MISSING
            self._find(kind, told, f"of {told.count} lines was told to the witness and is gone")
        elif there[told.seq] != told:
            self._find(Kind.CHECKPOINT_DIFFERS, told, "is another than the witness was told")

    def _behind(self, seal: Seal) -> Place:
        """Where its lines begin. Those of a missing seal before it are not its own."""
        before = self._last
        follows = seal.seq == (1 if before is None else before.seq + 1)
        if not follows:
            return Place(seal.first.xid, seal.first.id - 1)
        return START if before is None else before.last

    def _find(self, kind: Kind, seal: Seal, what: str, line: int | None = None) -> None:
        text = what if line is not None else f"seal {seal.seq} {what}"
        self._findings.append(Finding(kind=kind, seal=seal.seq, line=line, what=text))
