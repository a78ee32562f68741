"""Who lives in this process: what files and register declare, and how each stands with callers."""

from collections.abc import Sequence
from typing import overload

import structlog

from actors.tenants import OpenTenants
from fluxiq.domain.institution import LIVING, InstitutionState, Registered
from fluxiq.errors import StartRefused
from fluxiq.services.tenant import Standing
from fluxiq.settings import Institution, Settings, check_institution

_log = structlog.get_logger("institutions")


class InstitutionRegister:
    """The institutions of this process, by ISPB. Until the register in Postgres was read, those of
    the files; then those of both that live there.
    """

    def __init__(self, settings: Settings, tenants: OpenTenants) -> None:
        self._simulated = settings.simulator.enabled
        self._files = {one.ispb: one for one in settings.institutions}
        self._living = dict(self._files)
        self._tenants = tenants
        self._standings: dict[str, Standing] = {}

    def all(self) -> tuple[Institution, ...]:
        return tuple(self._living.values())

    def find(self, ispb: str) -> Institution | None:
        return self._living.get(ispb)

    @property
    def keys(self) -> Sequence[str]:
        """Their ISPBs, as they are when somebody looks."""
        return _LivingKeys(self._living)

    def standing(self, ispb: str) -> Standing:
        """Shared by all who ask, for as long as the process lives."""
        return self._standings.setdefault(ispb, Standing())

    def load(self, lines: Sequence[Registered]) -> None:
        """Take over what the register says. Raises StartRefused for a line that cannot be read."""
        for line in lines:
            if line.state in LIVING and line.declaration is None and line.ispb not in self._files:
                # As whoever took its file away wants it: nothing of it starts, all of it stays.
                _log.warning("institution_without_file", institution=line.ispb, state=line.state)
            elif line.state in LIVING:
                self.declare(self.read(line))
            elif line.state is InstitutionState.REMOVED and line.ispb in self._living:
                _log.warning("institution_removed_but_declared", institution=line.ispb)
                self.forget(line.ispb)
            else:
                self.forget(line.ispb)
            self.note(line)

    def read(self, line: Registered) -> Institution:
        """What a line declares: its file where it has one, else what it was added with."""
        if (declared := self._files.get(line.ispb)) is not None:
            return declared
        if line.declaration is None:
            raise StartRefused(
                f"institution {line.ispb} is {line.state}, and its file"
                f" institutions/{line.ispb}.toml is gone: put it back until that has ended"
            )
        source = f"the register's line of {line.ispb}"
        return check_institution(line.declaration, source, simulated=self._simulated)

    def declare(self, one: Institution) -> None:
        """From now on it lives here. Twice is once."""
        self._living[one.ispb] = one
        self._tenants.declare(one.ispb)

    def forget(self, ispb: str) -> None:
        """It does not live here (any more)."""
        self._living.pop(ispb, None)
        self._tenants.forget(ispb)

    def note(self, line: Registered) -> bool:
        """How it stands now; whether that is news."""
        standing, suspended = self.standing(line.ispb), line.state is InstitutionState.SUSPENDED
        is_news, standing.suspended = standing.suspended != suspended, suspended
        return is_news


class _LivingKeys(Sequence[str]):
    """A sequence that is read when it is used: a supervisor is specified before Postgres is up."""

    def __init__(self, living: dict[str, Institution]) -> None:
        self._living = living

    @overload
    def __getitem__(self, place: int) -> str: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[str]: ...

    def __getitem__(self, place: int | slice) -> str | Sequence[str]:
        return tuple(self._living)[place]

    def __len__(self) -> int:
        return len(self._living)
