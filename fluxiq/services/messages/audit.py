"""The audit trail as it is shown: hashes in hexadecimal, times in UTC."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

from fluxiq.domain.audit import Line, Seal
from fluxiq.domain.audit_proof import LineProof


class AuditLineView(Struct, frozen=True, kw_only=True):
    """`before` and `digest` are SHA-256 of the record before and after; null where there is none.
    `sealed`: it is under a signed seal, and cannot change unseen any more.
    """

    id: int
    at: datetime
    actor: str
    credential: str
    address: str
    request_id: str
    action: str
    subject: str
    before: str | None
    digest: str | None
    note: str
    sealed: bool


class ExportedLine(Struct, frozen=True, kw_only=True, tag="line", tag_field="type"):
    """A line with all that its leaf hash is made of, and its way up to the root of `seal`: both
    null while it waits for its seal.
    """

    id: int
    xid: int
    at: datetime
    actor: str
    credential: str
    address: str
    request_id: str
    action: str
    subject: str
    merchant_id: str
    before: str
    digest: str
    note: str
    seal: int | None
    index: int | None
    path: list[str] | None


class ExportedSeal(Struct, frozen=True, kw_only=True, tag="seal", tag_field="type"):
    """A seal with all that its signature is over."""

    ispb: str
    seq: int
    first_xid: int
    first_id: int
    last_xid: int
    last_id: int
    count: int
    root: str
    previous: str
    sealed_at: datetime
    key_id: str
    signature: str


AuditFormat = Literal["jsonl", "csv"]


def line_view(line: Line, *, sealed: bool) -> AuditLineView:
    return AuditLineView(
        id=line.id,
        at=line.at,
        actor=line.actor,
        credential=line.credential,
        address=line.address,
        request_id=line.request_id,
        action=line.action,
        subject=line.subject,
        before=line.before.hex() or None,
        digest=line.digest.hex() or None,
        note=line.note,
        sealed=sealed,
    )


def exported_line(line: Line, proof: LineProof | None) -> ExportedLine:
    return ExportedLine(
        id=line.id,
        xid=line.xid,
        at=line.at,
        actor=line.actor,
        credential=line.credential,
        address=line.address,
        request_id=line.request_id,
        action=line.action,
        subject=line.subject,
        merchant_id=line.merchant_id,
        before=line.before.hex(),
        digest=line.digest.hex(),
        note=line.note,
        seal=None if proof is None else proof.seal.seq,
        index=None if proof is None else proof.index,
        path=None if proof is None else [one.hex() for one in proof.path],
    )


def exported_seal(ispb: str, seal: Seal) -> ExportedSeal:
    return ExportedSeal(
        ispb=ispb,
        seq=seal.seq,
        first_xid=seal.first.xid,
        first_id=seal.first.id,
        last_xid=seal.last.xid,
        last_id=seal.last.id,
        count=seal.count,
        root=seal.root.hex(),
        previous=seal.previous.hex(),
        sealed_at=seal.sealed_at,
        key_id=seal.key_id,
        signature=seal.signature.hex(),
    )
