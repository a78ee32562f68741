"""What the platform runs with: every setting as it is in force, without the secrets among them."""

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from msgspec import to_builtins

from actors.admin.arguments import Arguments
from actors.admin.verbs import Hooks, Verb
from actors.platform import Platform
from fluxiq.settings import Settings
from fluxiq.telemetry.redaction import redact, redact_text
from fluxiq.telemetry.shapes import HIDDEN

if TYPE_CHECKING:
    from actors.admin.desk import Desk

# A URL with a user: who it is says no more than that there is one.
_ADDRESS: Final = re.compile(r"(?P<scheme>[a-z+]+)://[^\s/]*@(?P<host>[^\s/?@]+)(?P<rest>.*)")
_SECRETS: Final = ("password", "secret")  # how the names of secret settings end


def settings_verbs(platform: Platform) -> Hooks:
    async def settings(_desk: "Desk", arguments: Arguments) -> object:
        arguments.done()
        return settings_view(platform.tenant_settings)

    return Hooks(looks={"settings": Verb(settings)})


def settings_view(settings: Settings) -> dict[str, Any]:
    """By section, as the files of the configuration have them. Also passwords in URLs are hidden;
    an empty text stays one, for that says that there is none.
    """
    said = to_builtins(settings)
    return {name: _shown(name, one, masked) for (name, one), masked in _pairs(said, redact(said))}


def _shown(name: str, said: Any, masked: Any) -> Any:
    if isinstance(said, dict) and isinstance(masked, dict):
        return {inner: _shown(inner, one, two) for (inner, one), two in _pairs(said, masked)}
    if said and name.endswith(_SECRETS):
        return HIDDEN
    if isinstance(said, str) and (url := _ADDRESS.fullmatch(said)):
        return f"{url['scheme']}://{HIDDEN}@{url['host']}{redact_text(url['rest'])}"
    return masked if said else said


def _pairs(
    said: Mapping[str, Any], masked: Mapping[str, Any]
) -> Iterator[tuple[tuple[str, Any], Any]]:
    return zip(said.items(), masked.values(), strict=True)
