"""The file with the key-encryption keys: where it is, and its first content."""

from pathlib import Path

import structlog

from actors.embedded.directory import DataDirectory
from fluxiq.sealing import KeyFile
from fluxiq.sealing.key_file import new_key_text
from fluxiq.settings import Settings
from fluxiq.stores.pool import Postgres
from fluxiq.stores.sealing_keys import sealed_institutions

_log = structlog.get_logger("sealing")


def key_file(settings: Settings, directory: DataDirectory) -> KeyFile:
    """Where the key-encryption keys are: the file that is named, else our own."""
    given = settings.sealing.key_file
    return KeyFile(Path(given) if given else directory.path / "secrets" / "sealing.keys")


async def ensure_key_file(settings: Settings, directory: DataDirectory, admin: Postgres) -> None:
    """A first start makes the file. Never beside keys that another one has wrapped: whoever lost it
    is told so by the institutions, and restores it.
    """
    path = key_file(settings, directory).path
    if settings.sealing.key_file or path.exists() or await sealed_institutions(admin):
        return
    directory.write(path, new_key_text())
    _log.info("key_encryption_key_made", path=str(path))
