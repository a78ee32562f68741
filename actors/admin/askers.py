"""Who asks at the desk: somebody at the machine, or a person of an institution over the API."""

import pwd
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from fluxiq.ports.operations import Operator
from fluxiq.ports.origin import Origin

NOBODY: Final = 2**32 - 1  # the login of a process that nobody logged in for (proc(5), loginuid)


class Asker(Protocol):
    """`person` tells two people apart, where a deed needs two."""

    @property
    def person(self) -> str: ...

    def origin(self, deed: str) -> Origin:
        """Where the changes of a deed come from, for the audit trail."""

    def signature(self) -> dict[str, object]:
        """Who did it, for the book of deeds."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end of a socket, as the kernel says."""

    pid: int
    uid: int

    @property
    def user(self) -> str:
        """The unix user's name, or its number where it has none here."""
        try:
            return pwd.getpwuid(self.uid).pw_name
        except KeyError:
            return str(self.uid)

    @property
    def person(self) -> str:
        """Who logged in, also behind sudo, as the kernel keeps it; else the unix user. Where
        approval is asked for this tells two people apart, who both act as one user.
        """
        try:
            login = int(Path(f"/proc/{self.pid}/loginuid").read_text(encoding="ascii"))
        except (OSError, ValueError):
            return self.user
        return self.user if login == NOBODY else Peer(self.pid, login).user

    def origin(self, deed: str) -> Origin:
        return Origin(
            credential=f"unix:{self.user}",
            address=f"admin socket, pid {self.pid}",
            request_id=deed,
        )

    def signature(self) -> dict[str, object]:
        return {"user": self.user, "uid": self.uid, "pid": self.pid}


@dataclass(frozen=True, slots=True)
class WebPerson:
    """A person of an institution, as their access token says."""

    operator: Operator

    @property
    def person(self) -> str:
        return self.operator.user_id

    def origin(self, deed: str) -> Origin:
        operator = self.operator
        return Origin(
            credential=operator.user_id,
            address=operator.address,
            request_id=operator.request_id or deed,
        )

    def signature(self) -> dict[str, object]:
        """`within` is the institution beyond which they can do nothing: theirs, or None."""
        operator = self.operator
        return {
            "user": operator.user_id,
            "of": operator.ispb,
            "within": None if operator.of_platform else operator.ispb,
            "address": operator.address,
            "request": operator.request_id,
        }
