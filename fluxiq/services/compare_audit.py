"""What happened to the lines of a sealed batch whose root does not come out: line by line.

The leaf hashes that were kept beside the seal say what each line was; they are proven by the root.
"""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from fluxiq.domain.audit import Line, Seal, leaf_of
from fluxiq.domain.merkle import root_of
from fluxiq.ports.audit import Leaves

EXCHANGES_MAX: Final = 200  # changed lines of one batch that are compared with each other


class Kind(StrEnum):
    """What is wrong."""

    CHANGED = "changed"
    MISSING = "missing"
    ADDED = "added"
    REORDERED = "reordered"
    LINES_DIFFER = "lines_differ"  # and what could say which is gone too
    SEAL_MISSING = "seal_missing"
    CHAIN_BROKEN = "chain_broken"
    WRONG_SIGNATURE = "wrong_signature"
    UNKNOWN_KEY = "unknown_key"
    TAIL_CUT = "tail_cut"
    UNSEALED = "unsealed"
    CHECKPOINT_DIFFERS = "checkpoint_differs"
    CHECKPOINT_MISSING = "checkpoint_missing"
    PURGED_EARLY = "purged_early"
    PURGE_UNRECORDED = "purge_unrecorded"


class Finding(Struct, frozen=True, kw_only=True):
    """One thing that is wrong: with a seal, and where it is known with which line of it."""

    kind: Kind
    what: str
    seal: int | None = None
    line: int | None = None


def compare(
    seal: Seal, lines: Sequence[Line], hashes: Sequence[bytes], known: Leaves | None
) -> Iterator[Finding]:
    """Which lines are not as they were sealed; `hashes` are those of `lines` as they are now."""
    if known is None or root_of(known.hashes) != seal.root:
        why = "are gone" if known is None else "were changed too"
        yield Finding(
            kind=Kind.LINES_DIFFER,
            seal=seal.seq,
            what=f"{len(lines)} lines are not the {seal.count} that were sealed; the hashes that"
            f" would say which {why}",
        )
        return

    sealed = dict(zip(known.ids, known.hashes, strict=True))
    now = {line.id: (line, leaf) for line, leaf in zip(lines, hashes, strict=True)}
    changed = {id_: now[id_][0] for id_ in sealed if id_ in now and now[id_][1] != sealed[id_]}
    exchanged = _exchanged(changed, sealed)
    for line_id in sealed:
        if line_id not in now:
            yield _finding(Kind.MISSING, seal, line_id, "was sealed and is not there")
        elif line_id in exchanged:
            other = exchanged[line_id]
            yield _finding(Kind.REORDERED, seal, line_id, f"what it said is now line {other}")
        elif line_id in changed:
            yield _finding(Kind.CHANGED, seal, line_id, "is not as it was sealed")
    for line_id in now.keys() - sealed.keys():
        yield _finding(Kind.ADDED, seal, line_id, "stands among sealed lines and is none of them")


def _exchanged(changed: Mapping[int, Line], sealed: Mapping[int, bytes]) -> dict[int, int]:
    """Of changed lines, those whose words stand under the number of another changed one."""
    found: dict[int, int] = {}
    some = dict(list(changed.items())[:EXCHANGES_MAX])
    for line_id, line in some.items():
        for other_id, other in some.items():
            # The transaction went along with the words, or stayed where it was.
            if other_id != line_id and sealed[line_id] in {
                leaf_of(replace(other, id=line_id)),
                leaf_of(replace(other, id=line_id, xid=line.xid)),
            }:
                found[line_id] = other_id
    return found


def _finding(kind: Kind, seal: Seal, line_id: int, what: str) -> Finding:
    return Finding(kind=kind, seal=seal.seq, line=line_id, what=f"line {line_id} {what}")
