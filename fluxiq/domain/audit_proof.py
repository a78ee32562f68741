"""The proof that one line is on the audit trail: the line, its way up the tree, the signed root.

It is checked with the institution's public key alone, on any machine.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final, Self

from msgspec import Struct

from fluxiq.domain.audit import Line, Seal, leaf_of
from fluxiq.domain.audit_signature import TrustedKeys
from fluxiq.domain.merkle import Tree, root_by

PROOF_FORMAT: Final = "fluxiq.audit.proof.1"


class LineProof(Struct, frozen=True, kw_only=True):
    """`index` is the line's place among the seal's, from zero; `path` goes from the bottom up."""

    format: str
    ispb: str
    line: Line
    index: int
    path: tuple[bytes, ...]
    seal: Seal


class ProofVerdict(StrEnum):
    HOLDS = "holds"
    UNKNOWN_FORMAT = "unknown_format"
    UNKNOWN_KEY = "unknown_key"
    WRONG_SIGNATURE = "wrong_signature"
    NOT_THE_LINE = "not_the_line"


class Proofs:
    """The proofs of lines under one seal. Made by `of`."""

    def __init__(self, ispb: str, seal: Seal, lines: Sequence[Line], tree: Tree) -> None:
        self.seal = seal
        self._ispb = ispb
        self._indexes = {line.id: index for index, line in enumerate(lines)}
        self._tree = tree

    @classmethod
    def of(cls, ispb: str, seal: Seal, lines: Sequence[Line]) -> Self | None:
        """None when `lines` are not those that were sealed. About 5 microseconds a line."""
        if len(lines) != seal.count:
            return None
        tree = Tree([leaf_of(line) for line in lines])
        return cls(ispb, seal, lines, tree) if tree.root == seal.root else None

    def covers(self, line: Line) -> bool:
        return line.id in self._indexes

    def prove(self, line: Line) -> LineProof:
        index = self._indexes[line.id]
        path = tuple(self._tree.path(index))
        return LineProof(
            format=PROOF_FORMAT, ispb=self._ispb, line=line, index=index, path=path, seal=self.seal
        )


def check(proof: LineProof, trusted: TrustedKeys) -> ProofVerdict:
    """Whether the line is, as it is there, one that was sealed by a trusted key."""
    if proof.format != PROOF_FORMAT:
        return ProofVerdict.UNKNOWN_FORMAT
    if not trusted.knows(proof.seal.key_id):
        return ProofVerdict.UNKNOWN_KEY
    if not trusted.signed(proof.ispb, proof.seal):
        return ProofVerdict.WRONG_SIGNATURE

    root = root_by(proof.path, leaf_of(proof.line), proof.index, proof.seal.count)
    return ProofVerdict.HOLDS if root == proof.seal.root else ProofVerdict.NOT_THE_LINE
