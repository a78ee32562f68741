"""The audit trail as operators verify and prove it: docs/audit.md."""

from datetime import datetime

from msgspec import Struct


class AuditFinding(Struct, frozen=True, kw_only=True):
    """What is wrong, and where: the number of the seal, the id of the line."""

    kind: str
    what: str
    seal: int | None
    line: int | None


class AuditVerdict(Struct, frozen=True, kw_only=True):
    """Of one institution. The counts are null where its trail could not be looked at; `checkpoints`
    also where nobody asked for them. Without findings the trail is as it was written.
    """

    institution: str
    findings: list[AuditFinding]
    seconds: float
    seals: int | None = None
    lines: int | None = None
    purged: int | None = None
    waiting: int | None = None
    checkpoints: int | None = None


class AuditVerification(Struct, frozen=True, kw_only=True):
    """`report` grows by an institution at a time until `is_over`."""

    number: int
    is_over: bool
    report: list[AuditVerdict]


class AuditPlace(Struct, frozen=True, kw_only=True):
    """Where a line stands: by its transaction, then by its number."""

    xid: int
    id: int


class AuditProofLine(Struct, frozen=True, kw_only=True):
    """A line as it is hashed: `before` and `digest` in base64."""

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


class AuditProofSeal(Struct, frozen=True, kw_only=True):
    """A seal as it is signed, from the line `first` to `last`; `root`, `previous` and `signature`
    are in base64.
    """

    seq: int
    first: AuditPlace
    last: AuditPlace
    count: int
    root: str
    previous: str
    sealed_at: datetime
    key_id: str
    signature: str


class AuditProof(Struct, frozen=True, kw_only=True):
    """The proof that a line is on the trail, as `run.py audit verify --proof` takes it: with the
    public key alone, on any machine. `path` is base64, from the leaf up.
    """

    format: str
    ispb: str
    line: AuditProofLine
    index: int
    path: list[str]
    seal: AuditProofSeal


class AuditKeyShown(Struct, frozen=True, kw_only=True):
    """`public_key` is Ed25519 in hexadecimal."""

    id: str
    public_key: str
