"""Layers of settings, one over the other; each key remembers who said it last."""

import os
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_type_hints

from msgspec import Struct
from msgspec.structs import replace

from fluxiq.settings.checks import check_together
from fluxiq.settings.institutions import read_institutions
from fluxiq.settings.reading import convert, read_toml
from fluxiq.settings.secret_files import IN_FILE, read_secret
from fluxiq.settings.sections import Settings

# Named apart from settings: they say where settings are, or belong to somebody else.
_NOT_SETTINGS = {"FLUXIQ_CONFIG", "FLUXIQ_CONFIG_DIR", "FLUXIQ_PROFILE", "FLUXIQ_TIGERBEETLE_BIN"}


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read every layer. Raises SettingsInvalid naming the key and the file or variable."""
    environ = os.environ if environ is None else environ
    folder = Path(environ.get("FLUXIQ_CONFIG_DIR") or _default_folder())
    profile = environ.get("FLUXIQ_PROFILE") or "embedded"

    merged: dict[str, Any] = {}
    origin: dict[str, str] = {}
    layers = [folder / "base.toml", folder / f"{profile}.toml"]
    if own := environ.get("FLUXIQ_CONFIG"):
        layers.append(Path(own))

    for file in layers:
        _merge(merged, read_toml(file), str(file), origin)

    _merge_environment(merged, environ, origin)

    given = merged.pop("institutions", None)
    settings = convert(merged, Settings, origin)
    check_together(settings, origin)
    institutions = read_institutions(folder, given, simulated=settings.simulator.enabled)
    return replace(settings, institutions=institutions)


def _default_folder() -> Path:
    """`config/` beside the packages in a checkout, or the copy that ships in the wheel."""
    here = Path(__file__).resolve().parent.parent
    checkout = here.parent / "config"
    return checkout if checkout.is_dir() else here / "_config"


def _merge(
    into: dict[str, Any],
    layer: Mapping[str, Any],
    source: str,
    origin: dict[str, str],
    at: str = "",
) -> None:
    """Lay `layer` over `into`, remembering for each key which source said it last."""
    for key, value in layer.items():
        path = f"{at}{key}"
        if isinstance(value, Mapping) and isinstance(into.get(key, {}), dict):
            _merge(into.setdefault(key, {}), value, source, origin, f"{path}.")
        else:
            into[key] = value
        origin[path] = source


def _merge_environment(
    into: dict[str, Any], environ: Mapping[str, str], origin: dict[str, str]
) -> None:
    for variable, text in sorted(environ.items()):
        if not variable.startswith("FLUXIQ_") or variable in _NOT_SETTINGS:
            continue

        path: Sequence[str] = variable.removeprefix("FLUXIQ_").lower().split("__")
        said = text
        if in_file := _path_in_file(path):
            path, said = in_file, read_secret(variable, text, environ)
        layer: Any = said if _kind_of(path) is str else _as_toml(said)
        for key in reversed(path):
            layer = {key: layer}
        _merge(into, layer, variable, origin)


def _path_in_file(path: Sequence[str]) -> Sequence[str] | None:
    """The text setting that `…_FILE` keeps in a file, or None: `sealing.key_file` is its own."""
    *above, name = path
    found = [*above, name.removesuffix(IN_FILE.lower())]
    is_ours = name.endswith(IN_FILE.lower()) and _kind_of(path) is None and _kind_of(found) is str
    return found if is_ours else None


def _kind_of(path: Sequence[str]) -> Any:
    """The declared type of the setting at `path`, or None when there is no such setting."""
    kind: Any = Settings
    for key in path:
        if not (isinstance(kind, type) and issubclass(kind, Struct)):
            return None
        kind = get_type_hints(kind).get(key)
    return kind


def _as_toml(text: str) -> Any:
    """Where a setting is not text, its variable is read as TOML reads a value."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
