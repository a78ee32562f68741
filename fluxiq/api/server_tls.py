"""Our own end of TLS: who the client proved to be, and certificates that rotate without a restart.

hypercorn takes one SSLContext for the life of the server, and tells an application nothing of the
client's certificate. So the context hands every connection to the newest of ours, and the object
that does the handshake leaves the certificate in a variable of the connection's task: requests run
in tasks below it. TLS 1.2 at least. See docs/security.md.
"""

import ssl
from collections import Counter
from contextvars import ContextVar
from math import inf
from time import monotonic
from typing import Any, Final, Self

import structlog

from fluxiq.errors import StartRefused
from fluxiq.providers.files import Reloaded, read
from fluxiq.settings.tls import Tls

# HTTP/2 has more ways to be hurt by a stranger, and no caller of ours asks for it.
_ALPN: Final = ["http/1.1"]

TOLD_SECONDS: Final = 1.0

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
        refusals = Refusals()
        self._newest = Reloaded([one for one in files if one], lambda: _load(tls, refusals))

    def wrap_bio(self, *arguments: Any, **options: Any) -> ssl.SSLObject:
        """As the newest context does: a connection keeps what it began with."""
        return self._newest.get().wrap_bio(*arguments, **options)


class Refusals:
    """Says in our log, and nowhere else, why clients were refused: each reason once in
    TOLD_SECONDS, with how many there were before it. A stranger must not be able to fill the log.
    """

    def __init__(self) -> None:
        # OpenSSL's words for what is wrong with a certificate: some dozens.
        self._told_at: dict[str, float] = {}
        self._untold: Counter[str] = Counter()

    def note(self, reason: str) -> None:
        now = monotonic()
        if now - self._told_at.get(reason, -inf) < TOLD_SECONDS:
            self._untold[reason] += 1
            return
        self._told_at[reason] = now
        untold = self._untold.pop(reason, 0)
        _log.warning("client_certificate_refused", reason=reason, before_it=untold)


def _handshake_for(refusals: Refusals) -> type[ssl.SSLObject]:
    class Handshake(ssl.SSLObject):
        """Remembers who the client is, for the task whose connection it is."""

        def do_handshake(self) -> None:
            try:
                super().do_handshake()
            except ssl.SSLCertVerificationError as error:
                refusals.note(error.verify_message)
                raise
            # Any other failure is what scanners leave all day: it says nothing about us.
            _peer.set(self.getpeercert(binary_form=True))

    return Handshake


def _load(tls: Tls, refusals: Refusals) -> ssl.SSLContext:
    read(tls.certificate_file)
    read(tls.key_file, private=True)
    try:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
        context.set_alpn_protocols(_ALPN)
        context.sslobject_class = _handshake_for(refusals)
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
