"""Inclusion proofs: that lines are on the audit trail as they are, under a signed root."""

from fluxiq.domain.audit import Line, Place, Seal
from fluxiq.domain.audit_proof import LineProof, Proofs
from fluxiq.errors import Refused
from fluxiq.ports.audit import AuditChain


async def prove_line(chain: AuditChain, ispb: str, line_id: int) -> LineProof:
    """Raises Refused: `audit_line_not_found`, `audit_line_not_sealed` (yet: come back in a few
    seconds), `audit_trail_damaged` where the lines under its seal are not what was sealed.
    """
    line = await chain.find(line_id)
    if line is None:
        raise Refused("audit_line_not_found", f"no line {line_id} on the audit trail")

    proofs = await proofs_over(chain, ispb, line)
    if proofs is None:
        raise Refused("audit_line_not_sealed", f"line {line_id} waits for its seal")
    return proofs.prove(line)


async def proofs_over(chain: AuditChain, ispb: str, line: Line) -> Proofs | None:
    """The proofs of all lines that were sealed together with `line`; None while it waits. Raises
    Refused("audit_trail_damaged").
    """
    seal = await chain.seal_over(line.place)
    if seal is None:
        return None

    proofs = Proofs.of(ispb, seal, await chain.lines(_before(seal), seal.last, seal.count + 1))
    if proofs is None or not proofs.covers(line):
        raise Refused(
            "audit_trail_damaged",
            f"the lines under seal {seal.seq} are not those that were sealed: `audit verify`",
        )
    return proofs


def _before(seal: Seal) -> Place:
    return Place(seal.first.xid, seal.first.id - 1)
