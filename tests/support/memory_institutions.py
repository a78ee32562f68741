"""The in-memory twins of the register of institutions and of their places."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from fluxiq.domain.institution import (
    InstitutionEvent,
    InstitutionState,
    LifeStep,
    Registered,
    Remainder,
    advance,
)
from fluxiq.errors import Refused
from fluxiq.ports.institutions import InstitutionRecords, Place
from fluxiq.settings import Institution

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
NOTHING = Remainder(balances=0, in_flight={})


def declared(ispb: str = "11223344", ledger: int = 3, **more: Any) -> Institution:
    said = {"ispb": ispb, "name": f"Banco {ispb}", "ledger": ledger, **more}
    said.setdefault("providers", [{"name": "simulator", "kind": "simulator"}])
    return msgspec.convert(said, Institution)


class MemoryInstitutions(InstitutionRecords):
    """`written` are those who have records; `remainders` what they still have, one look after the
    other, the last one for ever.
    """

    def __init__(self) -> None:
        self.lines: dict[str, Registered] = {}
        self.history: list[tuple[str, InstitutionEvent, str]] = []
        self.written: set[str] = set()
        self.remainders: list[Remainder] = [NOTHING]

    async def all(self) -> list[Registered]:
        return [self.lines[ispb] for ispb in sorted(self.lines)]

    async def find(self, ispb: str) -> Registered | None:
        return self.lines.get(ispb)

    async def claim(self, one: Institution, reason: str) -> Registered:
        for line in self.lines.values():
            if (line.ispb == one.ispb) != (line.ledger == one.ledger):
                raise Refused("institution_invalid", f"{one.ledger} belongs to {line.ispb}")
        found, declaration = self.lines.get(one.ispb), msgspec.to_builtins(one)
        if found is not None and found.state is not InstitutionState.REMOVED:
            if found.state is InstitutionState.ADDING and found.declaration != declaration:
                raise Refused("institution_exists", f"{one.ispb} is being added")
            return found
        line = Registered(
            ispb=one.ispb,
            name=one.name,
            ledger=one.ledger,
            state=InstitutionState.ADDING,
            declaration=declaration,
            reason=reason,
            archive="",
            created_at=NOW,
            changed_at=NOW,
        )
        return self._write(line, InstitutionEvent.CLAIMED)

    async def move(
        self, ispb: str, event: InstitutionEvent, reason: str, *, archive: str = ""
    ) -> Registered:
        found = self.lines.get(ispb)
        if found is None:
            raise Refused("institution_not_found", f"no institution {ispb} here")
        state = advance(found.state, event)
        if state is None:
            raise Refused("institution_state", f"{ispb} is {found.state}")
        line = replace(found, state=state, reason=reason, archive=archive or found.archive)
        return self._write(line, event)

    async def withdraw(self, ispb: str, reason: str) -> None:
        if ispb in self.written:
            await self.move(ispb, InstitutionEvent.WITHDRAWN, reason)
        else:
            del self.lines[ispb]
            self.history.append((ispb, InstitutionEvent.WITHDRAWN, "forgotten"))

    async def steps(self, ispb: str) -> list[LifeStep]:
        return [
            LifeStep(event=event, state=state, reason="", at=NOW)
            for who, event, state in reversed(self.history)
            if who == ispb
        ]

    async def remainder(self, ispb: str) -> Remainder:
        del ispb
        return self.remainders[0] if len(self.remainders) == 1 else self.remainders.pop(0)

    def _write(self, line: Registered, event: InstitutionEvent) -> Registered:
        self.lines[line.ispb] = line
        self.history.append((line.ispb, event, line.state.value))
        return line


class MemoryPlace(Place):
    """Remembers whom it has. `fails` and `sticks` are raised by the next make and unmake."""

    def __init__(self, name: str, log: list[str]) -> None:
        self.name = name
        self.has: set[str] = set()
        self.fails: list[Exception] = []
        self.sticks: list[Exception] = []
        self._log = log

    async def make(self, one: Institution) -> Sequence[str]:
        self._log.append(f"+{self.name}")
        self.has.add(one.ispb)  # half made when it fails: who fails has begun
        if self.fails:
            raise self.fails.pop(0)
        return (f"{self.name} made",)

    async def unmake(self, one: Institution, *, erase: bool) -> Sequence[str]:
        self._log.append(f"{'x' if erase else '-'}{self.name}")
        if self.sticks:
            raise self.sticks.pop(0)
        self.has.discard(one.ispb)
        return (f"{self.name} unmade",)
