"""The book of deeds, as the desk writes it, taken in by the audit trails of institutions.

The book comes first: it can be written while Postgres is away, which is when operators act. From
there each institution's branch takes over what concerns it, in the order of the book and each deed
once: how far it has read is committed together with the lines.

A deed that names an institution, or a process in its branch, concerns that one; every other deed
concerns all of them, and is on every trail: whoever audits one institution sees all that was done
to it, and nothing of the others. See docs/audit.md.
"""

import hashlib
import re
from pathlib import Path
from typing import Any, Final

import msgspec
import structlog

from fluxiq.ports.audit import AuditChain, Deed

READ_BYTES_MAX: Final = 256 * 1024  # in one round; a deed is at most a question of 64 KiB
NOTE_CHARACTERS_MAX: Final = 600
OPERATOR: Final = "operator"

_ISPB = re.compile(r"[0-9A-Z]{8}")
_log = structlog.get_logger("admin")


class DeedBook:
    """The file that the desk of this process writes."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def desk(self) -> str | None:
        """The name of this very file, which a new one does not inherit; None when there is none."""
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return None
        return f"{found.st_dev:x}:{found.st_ino:x}"

    def read(self, place: int) -> tuple[list[bytes], int]:
        """Whole lines from `place` on, and where they end. A file that became shorter was emptied,
        and is read from its beginning.
        """
        with self._path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(place if place <= size else 0)
            start = file.tell()
            whole, newline, _ = file.read(READ_BYTES_MAX).rpartition(b"\n")
        return whole.split(b"\n") if newline else [], start + len(whole) + len(newline)


async def take_in_deeds(chain: AuditChain, book: DeedBook, ispb: str) -> int:
    """Write what is new in the book and concerns `ispb` to its trail; says how many deeds."""
    desk = book.desk
    if desk is None:
        return 0

    place = await chain.desk_place(desk)
    lines, upto = book.read(place)
    if upto == place:
        return 0

    deeds = [deed for line in lines if (deed := deed_of(line, ispb)) is not None]
    await chain.take_in(desk, upto, deeds)
    return len(deeds)


def deed_of(line: bytes, ispb: str) -> Deed | None:
    """What a line of the book says; None where it concerns another institution."""
    try:
        record = msgspec.json.decode(line, type=dict[str, Any])
        verb, (credential, address, request_id) = str(record["verb"]), _origin(record)
    except (msgspec.DecodeError, KeyError):
        # Our own desk writes no such line: that somebody did is worth a line of its own.
        _log.error("deed_unreadable", characters=len(line))
        return _deed(line, "unreadable", "admin_book", "not written by the desk")

    concerned = _concerned(record)
    if concerned and ispb not in concerned:
        return None

    subject = str(record.get("name") or record.get("arguments", {}).get("id") or "platform")
    note = f"{record.get('outcome')}: {record.get('reason')}"
    deed = _deed(line, verb, subject, note)
    return msgspec.structs.replace(
        deed,
        credential=credential,
        address=address,
        request_id=request_id,
    )


def _origin(record: dict[str, Any]) -> tuple[str, str, str]:
    """Credential, address and request id, as `askers` has them of who signed. Raises KeyError."""
    deed = str(record.get("deed", ""))
    if "of" in record:
        return str(record["user"]), str(record["address"]), str(record["request"] or deed)
    user, pid = record.get("user") or record["uid"], record.get("pid")
    return f"unix:{user}", f"admin socket, pid {pid}", deed


def _deed(line: bytes, verb: str, subject: str, note: str) -> Deed:
    return Deed(
        actor=OPERATOR,
        action=f"operator.{verb}",
        subject=subject,
        digest=hashlib.sha256(line).digest(),
        note=note[:NOTE_CHARACTERS_MAX],
        credential="",
        address="",
        request_id="",
    )


def _concerned(record: dict[str, Any]) -> set[str]:
    """The institutions that it names: as that of a person who reaches no other, as an argument, or
    as a part of a process's path.
    """
    given = record.get("arguments") or {}
    named = [
        record.get("within"),
        given.get("institution"),
        given.get("ispb"),
        *str(record.get("name") or "").split("/"),
    ]
    return {one for one in named if isinstance(one, str) and _ISPB.fullmatch(one)}
