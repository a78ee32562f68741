"""Mutual TLS towards a provider: the institution's certificate and key, from files that rotate.

TLS 1.2 at least; the server is verified against the given authority, or the system's. New
connections use the newest pair that could be loaded.
"""

import ssl
from datetime import datetime
from typing import Final

import trio
from cryptography.x509 import load_pem_x509_certificates
from msgspec import Struct

from fluxiq.errors import StartRefused
from fluxiq.http1 import Stream, client_tls, secure
from fluxiq.providers.files import Reloaded, read
from fluxiq.settings.providers import Psp

SECONDS_A_DAY: Final = 86_400.0


class Identity(Struct, frozen=True, kw_only=True):
    """Who we are in a handshake, until `expires_at` (UTC)."""

    context: ssl.SSLContext
    expires_at: datetime

    def days_left(self, now: datetime) -> float:
        """Negative once it has expired."""
        return (self.expires_at - now).total_seconds() / SECONDS_A_DAY


class MutualTls:
    """The identity of one link. Raises StartRefused when the files cannot be used at the start."""

    def __init__(self, psp: Psp) -> None:
        files = [psp.certificate_file, psp.key_file, *([psp.ca_file] if psp.ca_file else [])]
        self._identity = Reloaded(files, lambda: _load(psp))

    @property
    def identity(self) -> Identity:
        """Of the newest files that could be used: another object after each rotation."""
        return self._identity.get()

    async def connect(self, host: str, port: int) -> Stream:
        """A connection whose handshake is done. Raises OSError, trio.BrokenResourceError."""
        stream = await trio.open_tcp_stream(host, port)
        return await secure(stream, host, self.identity.context)


def _load(psp: Psp) -> Identity:
    certificate = read(psp.certificate_file)
    read(psp.key_file, private=True)
    try:
        context = client_tls(psp.ca_file)
        context.load_cert_chain(psp.certificate_file, psp.key_file, password=_no_password)
        leaf = load_pem_x509_certificates(certificate)[0]
    except (OSError, ValueError) as error:  # SSLError is an OSError
        files = ", ".join(filter(None, (psp.certificate_file, psp.key_file, psp.ca_file)))
        raise StartRefused(f"no certificate can be used from {files}: {error}") from None
    return Identity(context=context, expires_at=leaf.not_valid_after_utc)


def _no_password() -> bytes:
    """OpenSSL would ask the terminal, and wait. An encrypted key is refused instead."""
    return b""
