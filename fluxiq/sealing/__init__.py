"""What is kept of people and of secrets, sealed: AES-256-GCM under keys of the institution.

`domain.envelope` is how a sealed value looks, byte by byte. `keyring` seals and opens under the
keys of one institution, which `keys` makes, wraps and unwraps. `key_file` keeps what wraps them.
See docs/encryption.md.
"""

from fluxiq.sealing.key_file import KeyFile
from fluxiq.sealing.keyring import Keyring

__all__ = ["KeyFile", "Keyring"]
