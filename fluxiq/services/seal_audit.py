"""Sealing the audit trail: what can be sealed is, in batches; then the world outside is told.

Each seal is one commit, and is told from paper afterwards: a crash in between tells it later, and
two processes that seal the same batch make one seal of it.
"""

from collections.abc import Sequence
from typing import Final

import trio

from fluxiq.domain.audit import START, Line, Seal, leaf_of, next_seal
from fluxiq.domain.audit_signature import SealingKey
from fluxiq.ports import Clock
from fluxiq.ports.audit import AuditChain, Leaves, Witness

BATCH_MAX: Final = 2048  # lines under one seal: 25 ms of reading, hashing and signing
BATCHES_MAX: Final = 50  # in one round; the next goes on
CHECKPOINTS_MAX: Final = 500  # told at once

_hashing = trio.CapacityLimiter(1)  # CPU beside the loop, never more than one of ours


async def seal_waiting(chain: AuditChain, ispb: str, key: SealingKey, clock: Clock) -> list[Seal]:
    """Seal what waits and can be sealed; the new seals."""
    made: list[Seal] = []
    for _ in range(BATCHES_MAX):
        head = await chain.head()
        lines = await chain.sealable(START if head is None else head.last, BATCH_MAX)
        if not lines:
            break

        hashes = await hash_lines(lines)
        seal = key.sign(ispb, next_seal(ispb, head, lines, hashes, clock.now()))
        leaves = Leaves(ids=tuple(line.id for line in lines), hashes=tuple(hashes))
        if await chain.add_seal(seal, leaves):
            made.append(seal)
        if len(lines) < BATCH_MAX:
            break
    return made


async def tell_witness(chain: AuditChain, witness: Witness) -> int:
    """Have every seal kept outside that is not yet; says how many there were."""
    told = 0
    while seals := await chain.unpublished(CHECKPOINTS_MAX):
        await witness.tell(seals)
        await chain.published([seal.seq for seal in seals])
        told += len(seals)
    return told


async def hash_lines(lines: Sequence[Line]) -> list[bytes]:
    """The leaf hashes of lines, made in a thread."""
    return await trio.to_thread.run_sync(_hash, lines, limiter=_hashing)


def _hash(lines: Sequence[Line]) -> list[bytes]:
    return [leaf_of(line) for line in lines]
