"""Tampering: whatever is done to the trail, the verifier says what and where."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from fluxiq.domain.audit import Line, next_seal
from fluxiq.domain.audit_signature import SealingKey, TrustedKeys
from fluxiq.ports.audit import Leaves
from fluxiq.services import seal_audit, verify_audit
from fluxiq.services.compare_audit import Finding, Kind
from fluxiq.services.purge_audit import purge_audit
from fluxiq.services.seal_audit import hash_lines, seal_waiting, tell_witness
from fluxiq.services.verify_audit import AuditVerifier, Verdict
from tests.support.memory_audit import BEGAN, KEY, MemoryAuditChain, MemoryWitness

ISPB = "12345678"
FORGER = SealingKey(b"\x07" * 32)


class Clock:
    def __init__(self) -> None:
        self.at = BEGAN

    def now(self):  # type: ignore[no-untyped-def]  # noqa: ANN201 - as `ports.Clock`
        return self.at


class Trail:
    """Five seals of four lines each, all told to the witness."""

    def __init__(self) -> None:
        self.chain, self.witness, self.clock = MemoryAuditChain(), MemoryWitness(), Clock()

    async def grow(self, seals: int = 5) -> "Trail":
        for _ in range(seals):
            for _ in range(4):
                self.chain.add()
            await seal_waiting(self.chain, ISPB, KEY, self.clock)
        await tell_witness(self.chain, self.witness)
        return self

    async def verdict(self, *, outside: bool = False, keys: TrustedKeys | None = None) -> Verdict:
        verifier = AuditVerifier(
            self.chain, ISPB, keys or TrustedKeys.of(KEY), self.clock.now() + timedelta(seconds=1)
        )
        return await verifier.verify(self.witness if outside else None)

    async def found(self, *, outside: bool = False) -> list[tuple[Kind, int | None, int | None]]:
        findings: tuple[Finding, ...] = (await self.verdict(outside=outside)).findings
        return [(one.kind, one.seal, one.line) for one in findings]

    def change(self, line_id: int, **fields: object) -> None:
        self.chain.trail[line_id] = replace(self.chain.trail[line_id], **fields)


@pytest.fixture
async def trail() -> Trail:
    return await Trail().grow()


async def test_a_trail_that_nobody_touched_is_whole(trail: Trail) -> None:
    verdict = await trail.verdict(outside=True)
    assert verdict == Verdict(seals=5, lines=20, purged=0, waiting=0, checkpoints=5, findings=())


async def test_an_empty_trail_is_whole() -> None:
    assert await Trail().found(outside=True) == []


# Lines


async def test_one_bit_of_one_line_is_found(trail: Trail) -> None:
    digest = trail.chain.trail[7].digest
    trail.change(7, digest=bytes([digest[0] ^ 1]) + digest[1:])
    assert await trail.found() == [(Kind.CHANGED, 2, 7)]


@pytest.mark.parametrize("name", sorted({*Line.__struct_fields__} - {"id", "xid"}))
async def test_whatever_field_of_a_line_was_changed_it_is_found(trail: Trail, name: str) -> None:
    value = getattr(trail.chain.trail[7], name)
    other = value + b"x" if isinstance(value, bytes) else None
    other = f"{value}x" if isinstance(value, str) else other
    trail.change(7, **{name: other if other is not None else value + timedelta(microseconds=1)})
    assert await trail.found() == [(Kind.CHANGED, 2, 7)]


async def test_a_missing_line_is_named(trail: Trail) -> None:
    del trail.chain.trail[11]
    assert await trail.found() == [(Kind.MISSING, 3, 11)]


async def test_a_line_that_was_added_behind_the_seals_is_named(trail: Trail) -> None:
    trail.chain.add(xid=6, id=999)
    assert await trail.found() == [(Kind.ADDED, 2, 999)]


@pytest.mark.parametrize("along", [True, False])
async def test_two_lines_that_changed_places_are_named(trail: Trail, *, along: bool) -> None:
    """Whether their transactions went along with the words, or stayed."""
    one, other = trail.chain.trail[9], trail.chain.trail[12]
    keep = {} if along else {"xid": one.xid}
    keep_other = {} if along else {"xid": other.xid}
    trail.chain.trail[9] = replace(other, id=9, **keep)
    trail.chain.trail[12] = replace(one, id=12, **keep_other)
    assert await trail.found() == [(Kind.REORDERED, 3, 9), (Kind.REORDERED, 3, 12)]


async def test_a_line_moved_under_another_seal_is_missing_here_and_added_there(
    trail: Trail,
) -> None:
    trail.change(3, xid=18)
    assert await trail.found() == [(Kind.MISSING, 1, 3), (Kind.ADDED, 5, 3)]


async def test_a_line_whose_hash_was_changed_along_is_still_found(trail: Trail) -> None:
    trail.change(7, note="x")
    known = trail.chain.kept_leaves[2]
    changed = await hash_lines([trail.chain.trail[7]])
    hashes = [changed[0] if one == 7 else leaf for one, leaf in zip(
        known.ids, known.hashes, strict=True)]  # fmt: skip
    trail.chain.kept_leaves[2] = Leaves(ids=known.ids, hashes=tuple(hashes))
    assert await trail.found() == [(Kind.LINES_DIFFER, 2, None)]


async def test_without_the_hashes_of_the_lines_the_seal_is_named(trail: Trail) -> None:
    trail.change(7, note="x")
    del trail.chain.kept_leaves[2]
    assert await trail.found() == [(Kind.LINES_DIFFER, 2, None)]


async def test_that_the_hashes_are_gone_alone_is_no_damage(trail: Trail) -> None:
    trail.chain.kept_leaves.clear()
    assert await trail.found() == []


# Seals


async def test_a_seal_that_was_changed_is_found(trail: Trail) -> None:
    trail.chain.sealed[3] = replace(trail.chain.sealed[3], sealed_at=BEGAN - timedelta(days=1))
    assert await trail.found() == [(Kind.WRONG_SIGNATURE, 3, None), (Kind.CHAIN_BROKEN, 4, None)]


async def test_a_seal_in_the_middle_that_is_gone_is_named(trail: Trail) -> None:
    del trail.chain.sealed[3]
    assert await trail.found() == [(Kind.SEAL_MISSING, 3, None)]


async def test_first_seals_that_are_gone_are_named(trail: Trail) -> None:
    del trail.chain.sealed[1], trail.chain.sealed[2]
    assert await trail.found() == [(Kind.SEAL_MISSING, 1, None), (Kind.SEAL_MISSING, 2, None)]


async def test_a_history_rewritten_under_another_key_is_found(trail: Trail) -> None:
    """Lines, hashes and seals anew, with everything right but the key."""
    trail.change(18, note="nothing happened")
    trail.chain.sealed = dict(list(trail.chain.sealed.items())[:4])
    await seal_waiting(trail.chain, ISPB, FORGER, trail.clock)
    assert await trail.found() == [(Kind.UNKNOWN_KEY, 5, None)]


async def test_a_forged_seal_under_the_name_of_our_key_is_found(trail: Trail) -> None:
    trail.chain.sealed[5] = replace(FORGER.sign(ISPB, trail.chain.sealed[5]), key_id=KEY.id)
    assert await trail.found() == [(Kind.WRONG_SIGNATURE, 5, None)]


async def test_seals_of_an_older_key_still_verify(trail: Trail) -> None:
    newer = SealingKey(b"\x08" * 32)
    trail.chain.add()
    await seal_waiting(trail.chain, ISPB, newer, trail.clock)
    assert (await trail.verdict(keys=TrustedKeys.of(KEY, newer))).findings == ()


async def test_two_seals_that_changed_places_are_found(trail: Trail) -> None:
    sealed = trail.chain.sealed
    sealed[2], sealed[3] = replace(sealed[3], seq=2), replace(sealed[2], seq=3)
    assert {(kind, seal) for kind, seal, _ in await trail.found()} >= {
        (Kind.WRONG_SIGNATURE, 2),
        (Kind.WRONG_SIGNATURE, 3),
    }


# The tail


async def test_a_cut_tail_is_found_by_the_witness_alone(trail: Trail) -> None:
    for line_id in range(17, 21):
        del trail.chain.trail[line_id]
    del trail.chain.sealed[5]
    assert await trail.found() == []
    assert (Kind.TAIL_CUT, 5, None) in await trail.found(outside=True)


async def test_a_whole_history_sealed_anew_with_the_true_key_differs_from_the_witness(
    trail: Trail,
) -> None:
    """Whoever stole even the key cannot take back what was told."""
    trail.change(18, note="nothing happened")
    lines = [trail.chain.trail[number] for number in range(17, 21)]
    hashes = await hash_lines(lines)
    again = KEY.sign(ISPB, next_seal(ISPB, trail.chain.sealed[4], lines, hashes, BEGAN))
    trail.chain.sealed[5] = again
    assert await trail.found() == []
    assert await trail.found(outside=True) == [(Kind.CHECKPOINT_DIFFERS, 5, None)]


async def test_seals_cut_off_from_lines_that_stayed_are_found_by_the_age_of_these(
    trail: Trail,
) -> None:
    del trail.chain.sealed[5]
    assert await trail.found() == []  # they might be a second old
    trail.clock.at += timedelta(seconds=verify_audit.UNSEALED_SECONDS_MAX)
    assert await trail.found() == [(Kind.UNSEALED, None, None)]


async def test_a_witness_that_has_lost_what_it_was_told_is_found(trail: Trail) -> None:
    trail.witness.kept = trail.witness.kept[:2]
    assert await trail.found(outside=True) == [(Kind.CHECKPOINT_MISSING, 3, None)]


async def test_what_others_tell_the_witness_is_no_seal_of_ours(trail: Trail) -> None:
    trail.witness.kept += [None, FORGER.sign(ISPB, replace(trail.chain.sealed[5], seq=6))]
    assert await trail.found(outside=True) == [
        (Kind.WRONG_SIGNATURE, None, None),
        (Kind.WRONG_SIGNATURE, 6, None),
    ]


async def test_it_stops_when_enough_is_wrong(trail: Trail, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify_audit, "FINDINGS_MAX", 3)
    for line_id in range(1, 21):
        trail.change(line_id, note="x")
    verdict = await trail.verdict()
    assert (len(verdict.findings), verdict.seals) == (3, 1)


# Purging


async def test_what_was_purged_after_its_time_still_verifies(trail: Trail) -> None:
    trail.clock.at = trail.chain.now = BEGAN + timedelta(days=366 * 6)
    done = await purge_audit(trail.chain, trail.clock, "unix:ana", "their time is over")
    assert (done.seals, done.lines) == (5, 20)
    await seal_waiting(trail.chain, ISPB, KEY, trail.clock)
    await tell_witness(trail.chain, trail.witness)

    verdict = await trail.verdict(outside=True)
    assert (verdict.findings, verdict.purged, verdict.lines) == ((), 20, 5)
    purged = trail.chain.purged[1]
    assert (purged.count, purged.purged_by) == (4, "unix:ana")


async def test_nothing_is_purged_before_its_time(trail: Trail) -> None:
    trail.clock.at = trail.chain.now = BEGAN + timedelta(days=365 * 5)
    done = await purge_audit(trail.chain, trail.clock, "unix:ana", "too early")
    assert (done.seals, done.next_class) == (0, "everything else")


async def test_a_batch_with_a_payment_is_kept_for_ten_years() -> None:
    trail = Trail()
    trail.chain.add("payout.confirmed")
    await trail.grow(1)
    trail.clock.at = trail.chain.now = BEGAN + timedelta(days=366 * 7)
    done = await purge_audit(trail.chain, trail.clock, "unix:ana", "too early")
    assert (done.seals, done.next_class) == (0, "operations")


async def test_lines_deleted_under_the_guise_of_a_purge_are_found(trail: Trail) -> None:
    trail.clock.at = trail.chain.now = BEGAN + timedelta(days=366 * 6)
    await purge_audit(trail.chain, trail.clock, "unix:ana", "their time is over")
    early = replace(trail.chain.purged[2], purged_at=BEGAN + timedelta(days=30))
    trail.chain.purged[2] = early
    told = next(one for one in trail.chain.trail.values() if one.subject == "seal:3")
    del trail.chain.trail[told.id]
    found = await trail.found()
    assert (Kind.PURGED_EARLY, 2, None) in found
    assert (Kind.PURGE_UNRECORDED, 3, None) in found


async def test_a_line_that_stands_where_all_were_purged_is_found(trail: Trail) -> None:
    trail.clock.at = trail.chain.now = BEGAN + timedelta(days=366 * 6)
    await purge_audit(trail.chain, trail.clock, "unix:ana", "their time is over")
    await seal_waiting(trail.chain, ISPB, KEY, trail.clock)
    trail.chain.add(xid=2, id=500)
    assert await trail.found() == [(Kind.ADDED, 1, 500)]


async def test_batches_are_as_small_as_they_say() -> None:
    """Memory stays bounded: a verifier reads one batch of lines at a time."""
    assert seal_audit.BATCH_MAX + verify_audit.ADDED_READ_MAX < 10_000
