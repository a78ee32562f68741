"""TOML as it stands in a file, and the strict way from plain data to settings."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from fluxiq.errors import SettingsInvalid

T = TypeVar("T")


def read_toml(file: Path) -> dict[str, Any]:
    """Raises SettingsInvalid naming the file."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsInvalid(f"cannot read {file}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsInvalid(f"{file} is not valid TOML: {error}") from None


def convert(layer: Any, kind: type[T], origin: Mapping[str, str]) -> T:
    """Check strictly. Raises SettingsInvalid: names the culprit, and its source by `origin`."""
    try:
        return msgspec.convert(layer, kind)
    except msgspec.ValidationError as error:
        raise _named(error, origin) from None


def _named(error: msgspec.ValidationError, origin: Mapping[str, str]) -> SettingsInvalid:
    """Turn msgspec's `… - at `$.http.port`` into a sentence with the key and its source."""
    text, _, where = str(error).partition(" - at `$")
    key = where.strip("`.")
    if text.startswith("Object contains unknown field"):
        unknown = text.split("`")[1]
        key = f"{key}.{unknown}" if key else unknown
        return SettingsInvalid(f"unknown setting {key!r} in {origin.get(key, 'the settings')}")

    source = origin.get(key, "the settings")
    return SettingsInvalid(f"setting {key!r} in {source}: {text[:1].lower()}{text[1:]}")
