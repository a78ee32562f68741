"""Our own end of TLS: who the client proved to be, and certificates that rotate without a restart.

hypercorn takes one SSLContext for the life of the server, and tells an application nothing of the
client's certificate. So the context hands every connection to the newest of ours, and the object
that does the handshake leaves the certificate in a variable of the connection's task: requests run
in tasks below it. TLS 1.2 at least. See docs/security.md.
"""

import ssl
from contextvars import ContextVar
from typing import Any, Final, Self

import structlog

from fluxiq.errors import StartRefused
from fluxiq.providers.files import Reloaded, read
from fluxiq.settings_tls import Tls

# HTTP/2 has more ways to be hurt by a stranger, and no caller of ours asks for it.
_ALPN: Final = ["http/1.1"]

_peer: ContextVar[bytes | None] = ContextVar("peer_certificate", default=None)
_log = structlog.get_logger("fluxiq.api")


def peer_certificate() -> bytes | None:
    """The client's certificate (DER) of the connection that this task serves: issued by one of the
    authorities in `client_ca_file`, within its time. None where it showed none, and without TLS.
    """
    return _peer.get()


class ServerTls(ssl.SSLContext):
    """Stands for the newest context. Raises StartRefused when the files cannot be used."""

    _newest: Reloaded[ssl.SSLContext]

    def __new__(cls, tls: Tls) -> Self:
        del tls
        return super().__new__(cls, ssl.PROTOCOL_TLS_SERVER)

    def __init__(self, tls: Tls) -> None:
        files = (tls.certificate_file, tls.key_file, tls.client_ca_file)
        self._newest = Reloaded([one for one in files if one], lambda: _load(tls))

    def wrap_bio(self, *arguments: Any, **options: Any) -> ssl.SSLObject:
        """As the newest context does: a connection keeps what it began with."""
        return self._newest.get().wrap_bio(*arguments, **options)


class _Handshake(ssl.SSLObject):
    """Remembers who the client is, and says in our log, and nowhere else, why it was refused."""

    def do_handshake(self) -> None:
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLCertVerificationError as error:
            _log.warning("client_certificate_refused", reason=error.verify_message)
            raise
        except ssl.SSLError as error:
            # Scanners do this all day: a stranger must not be able to fill the log.
            _log.debug("tls_handshake_failed", reason=error.reason)
            raise
        _peer.set(self.getpeercert(binary_form=True))


def _load(tls: Tls) -> ssl.SSLContext:
    read(tls.certificate_file)
    read(tls.key_file, private=True)
    try:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
        context.set_alpn_protocols(_ALPN)
        context.sslobject_class = _Handshake
        context.load_cert_chain(tls.certificate_file, tls.key_file, password=lambda: b"")
        if tls.client_ca_file:
            read(tls.client_ca_file)
            context.load_verify_locations(tls.client_ca_file)
            # Merchants show none; a link whose proof it is refuses without (callbacks/).
            context.verify_mode = ssl.CERT_OPTIONAL
    except (OSError, ValueError) as error:  # SSLError is an OSError
        raise StartRefused(
            f"[http.tls] cannot be used with {tls.certificate_file}: {error}"
        ) from None
    return context
