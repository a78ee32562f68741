"""The sealer: what is sealed, in which order; a crash loses no seal and tells none wrongly."""

import pytest

from fluxiq.domain.audit import Place
from fluxiq.domain.audit_signature import TrustedKeys
from fluxiq.errors import Unavailable
from fluxiq.services import seal_audit
from fluxiq.services.seal_audit import seal_waiting, tell_witness
from fluxiq.services.verify_audit import AuditVerifier
from tests.support.memory_audit import BEGAN, KEY, MemoryAuditChain, MemoryWitness

ISPB = "12345678"


class Stopped:
    """A clock that shows one time."""

    def now(self):  # type: ignore[no-untyped-def]  # noqa: ANN201 - as `ports.Clock`
        return BEGAN


async def seal(chain: MemoryAuditChain) -> int:
    return len(await seal_waiting(chain, ISPB, KEY, Stopped()))


async def whole(chain: MemoryAuditChain, witness: MemoryWitness | None = None) -> bool:
    verifier = AuditVerifier(chain, ISPB, TrustedKeys.of(KEY), BEGAN)
    return not (await verifier.verify(witness)).findings


async def test_what_waits_is_put_under_one_seal() -> None:
    chain = MemoryAuditChain()
    for _ in range(3):
        chain.add()
    assert await seal(chain) == 1
    assert await seal(chain) == 0
    assert (chain.sealed[1].count, chain.sealed[1].last) == (3, Place(3, 3))
    assert await whole(chain)


async def test_no_line_of_an_open_transaction_is_sealed_nor_any_behind_it() -> None:
    chain = MemoryAuditChain()
    chain.add(xid=10)
    chain.add(xid=12)
    chain.horizon = 11
    await seal(chain)
    assert chain.sealed[1].last == Place(10, 1)

    # Transaction 11 commits last; its line has the lowest number of all.
    chain.add(xid=11, id=0)
    chain.horizon = None
    await seal(chain)
    assert (chain.sealed[2].first, chain.sealed[2].last) == (Place(11, 0), Place(12, 2))
    assert await whole(chain)


async def test_many_lines_are_several_seals_in_one_round(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seal_audit, "BATCH_MAX", 10)
    chain = MemoryAuditChain()
    for _ in range(25):
        chain.add(xid=7)  # one transaction may be cut: none of its lines can come later
    assert await seal(chain) == 3
    assert [one.count for one in chain.sealed.values()] == [10, 10, 5]
    assert await whole(chain)


async def test_a_seal_that_somebody_else_has_added_is_not_ours() -> None:
    class Late(MemoryAuditChain):
        async def add_seal(self, *_: object) -> bool:
            return False

    chain = Late()
    chain.add()
    assert await seal(chain) == 0


async def test_what_was_sealed_before_a_crash_is_told_after_it() -> None:
    chain, witness = MemoryAuditChain(), MemoryWitness()
    chain.add()
    await seal(chain)  # and here the process dies
    chain.add()
    await seal(chain)
    assert await tell_witness(chain, witness) == 2
    assert [one.seq for one in witness.kept if one] == [1, 2]
    assert await tell_witness(chain, witness) == 0
    assert await whole(chain, witness)


async def test_a_crash_between_telling_and_noting_tells_again_and_harms_nothing() -> None:
    chain, witness = MemoryAuditChain(), MemoryWitness()
    chain.add()
    await seal(chain)
    await tell_witness(chain, witness)
    chain.noted.clear()
    await tell_witness(chain, witness)
    assert [one.seq for one in witness.kept if one] == [1, 1]
    assert await whole(chain, witness)


async def test_an_outage_of_the_witness_leaves_the_seals_to_be_told() -> None:
    chain, witness = MemoryAuditChain(), MemoryWitness()
    chain.add()
    await seal(chain)
    witness.away = True
    with pytest.raises(Unavailable):
        await tell_witness(chain, witness)
    witness.away = False
    assert await tell_witness(chain, witness) == 1
