"""An institution's own file: strict like the rest, and apart from its neighbours."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fluxiq.errors import SettingsInvalid
from fluxiq.settings.providers import problem_of
from fluxiq.settings.reading import convert, read_toml
from fluxiq.settings.sections import Institution


def read_institutions(folder: Path, given: Any, *, simulated: bool) -> tuple[Institution, ...]:
    """One file per institution; ISPB and ledger number must be unique."""
    if given is not None:
        raise SettingsInvalid(
            "unknown setting 'institutions': each has a file of its own in institutions/*.toml"
        )

    found: dict[str, Institution] = {}
    for file in sorted((folder / "institutions").glob("*.toml")):
        institution = read_institution(file, simulated=simulated)
        if institution.ispb != file.stem:
            raise SettingsInvalid(f"setting 'ispb' in {file}: must equal the file's name")
        check_ledger_is_free(institution, found.values(), str(file))
        found[institution.ispb] = institution
    return tuple(found.values())


def read_institution(file: Path, *, simulated: bool) -> Institution:
    """What an institution's file says. Raises SettingsInvalid that names key and file."""
    return check_institution(read_toml(file), str(file), simulated=simulated)


def check_institution(said: Any, source: str, *, simulated: bool) -> Institution:
    """`said`, plain data from `source`, as an institution. Raises SettingsInvalid."""
    institution = convert(said, Institution, _AlwaysFrom(source))
    _check_providers(institution, source, simulated=simulated)
    return institution


def check_ledger_is_free(one: Institution, others: Iterable[Institution], source: str) -> None:
    """Raises SettingsInvalid when the ledger number of `one` is somebody else's."""
    for other in others:
        if other.ledger == one.ledger and other.ispb != one.ispb:
            raise SettingsInvalid(
                f"setting 'ledger' in {source}: {one.ledger} belongs to {other.ispb}"
            )


def _check_providers(institution: Institution, source: str, *, simulated: bool) -> None:
    """Each link has a name of its own, and leads somewhere."""
    names = [link.name for link in institution.providers]
    if len(set(names)) < len(names):
        raise SettingsInvalid(f"setting 'providers' in {source}: two links have the same name")
    for link in institution.providers:
        if problem := problem_of(link, simulated=simulated):
            raise SettingsInvalid(f"setting 'providers' in {source}: link {link.name!r} {problem}")


class _AlwaysFrom(dict[str, str]):
    """An origin table for a single file."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self._source = source

    def get(self, key: str, default: Any = None) -> Any:
        del key, default
        return self._source
