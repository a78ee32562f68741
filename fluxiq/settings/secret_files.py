"""Secrets in files: `FLUXIQ_NATS__PASSWORD_FILE` names the file that has `FLUXIQ_NATS__PASSWORD`.

Environments are inherited by every child and shown by `/proc`; a file has an owner.
"""

from collections.abc import Mapping
from pathlib import Path

from fluxiq.errors import SettingsInvalid

IN_FILE = "_FILE"
CHARACTERS_MAX = 8192


def read_secret(variable: str, file: str, environ: Mapping[str, str]) -> str:
    """What stands in `file`, without the line's end. Raises SettingsInvalid: it cannot be read, is
    no text or too long, or `variable` says what another one says too.
    """
    direct = variable.removesuffix(IN_FILE)
    if direct in environ:
        raise SettingsInvalid(f"{direct} and {variable} say the same setting: one is enough")
    try:
        with Path(file).open(encoding="utf-8") as opened:
            text = opened.read(CHARACTERS_MAX + 1)
    except OSError as error:
        raise SettingsInvalid(f"cannot read {file} of {variable}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SettingsInvalid(f"{file} of {variable} is no text in UTF-8") from None

    if len(text) > CHARACTERS_MAX:
        raise SettingsInvalid(f"{file} of {variable} has more than {CHARACTERS_MAX} characters")
    return text.rstrip("\r\n")
