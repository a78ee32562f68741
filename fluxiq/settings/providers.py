"""What an institution's file says of a provider link: where it leads, and who proves what to whom.

See docs/providers.md. Every file is named by its absolute path, and read again when it changes.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from fluxiq.settings.words import Count, Seconds

File = Annotated[str, Meta(pattern=r"^/")]
# In lower case: names of headers are compared so.
Header = Annotated[str, Meta(pattern=r"^[a-z0-9-]{1,64}$")]
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
Path = Annotated[str, Meta(pattern=r"^/[!-~]*$")]
PathOrNone = Annotated[str, Meta(pattern=r"^(/[!-~]*)?$")]  # empty: there is none
Unit = Literal["seconds", "milliseconds"]

# How long a signed time is good for: what the signed webhooks of most providers say.
REPLAY_WINDOW_SECONDS = 300


class HmacSha256(
    Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="hmac_sha256",
    tag_field="scheme",
):  # fmt: skip
    """Lower-case hex of HMAC-SHA256 over `timestamp.body`."""

    secret_file: File
    signature_header: Header = "x-signature"
    timestamp_header: Header = "x-timestamp"
    timestamp_unit: Unit = "seconds"
    window_seconds: Count = REPLAY_WINDOW_SECONDS


class HmacSha256Body(
    Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="hmac_sha256_body",
    tag_field="scheme",
):  # fmt: skip
    """Lower-case hex of HMAC-SHA256 over the body alone."""

    secret_file: File
    signature_header: Header = "x-signature"


class RsaSha256(
    Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="rsa_sha256",
    tag_field="scheme",
):  # fmt: skip
    """Base64 of RSA PKCS#1 v1.5 with SHA-256 over the body (Woovi)."""

    public_key_file: File
    signature_header: Header = "x-webhook-signature"


class EcdsaSha256(
    Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="ecdsa_sha256",
    tag_field="scheme",
):  # fmt: skip
    """Base64 of a DER signature, ECDSA with SHA-256 over the body, secp256k1 or P-256 (Stark)."""

    public_key_file: File
    signature_header: Header = "digital-signature"


class StaticToken(
    Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="static_token",
    tag_field="scheme",
):  # fmt: skip
    """A word that both sides know, in a header (Asaas)."""

    token_file: File
    token_header: Header = "asaas-access-token"  # noqa: S105 - the name of a header


class ManifestHmac(
    Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="manifest_hmac",
    tag_field="scheme",
):  # fmt: skip
    """`ts=…,v1=…`: hex of HMAC-SHA256 over `id:…;request-id:…;ts:…;` (Mercado Pago)."""

    secret_file: File
    signature_header: Header = "x-signature"
    request_id_header: Header = "x-request-id"
    id_parameter: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,64}$")] = "data.id"
    timestamp_unit: Unit = "milliseconds"
    window_seconds: Count = REPLAY_WINDOW_SECONDS


class MtlsOnly(
    Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="mtls_only",
    tag_field="scheme",
):  # fmt: skip
    """The client certificate is the proof (BCB). We end the TLS connection (`[http.tls]`), or a
    proxy of ours did, checked the certificate and passes it on; only from these addresses is its
    header believed.
    """

    trusted_proxies: Annotated[tuple[str, ...], Meta(max_length=16)] = ()
    certificate_header: Header = "client-cert"
    certificate_sha256: Annotated[tuple[Sha256, ...], Meta(max_length=8)] = ()
    certificate_subject: str = ""  # RFC 4514: "CN=pix.psp.example,O=PSP,C=BR"


CallbackScheme = (
    HmacSha256 | HmacSha256Body | RsaSha256 | EcdsaSha256 | StaticToken | ManifestHmac | MtlsOnly
)


class Token(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """OAuth2 client credentials (RFC 6749, 4.4)."""

    token_url: Annotated[str, Meta(pattern=r"^https://")]
    client_id: Annotated[str, Meta(min_length=1)]
    client_secret_file: File
    scope: str = ""


class Psp(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Calls to a PSP: over mutual TLS, with the institution's certificate."""

    certificate_file: File
    key_file: File  # readable by its owner only
    ca_file: File | None = None  # None: the system's authorities
    payments_path: Path = "/payments"
    refunds_path: Path = "/refunds"
    directory_path: Path = "/dict"
    infractions_path: Path = "/infractions"
    contests_path: PathOrNone = "/contests"
    charges_path: Path = "/cob"  # only asked with `dynamic_codes`
    pix_path: PathOrNone = "/pix"  # what we received, as the BCB lists it (API Pix: GET /pix)
    statement_path: PathOrNone = ""  # what we sent, and what came back; our contract
    amount_unit: Literal["reais", "centavos"] = "reais"  # of the numbers in its callbacks
    token: Token | None = None


class LinkLimits(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What one provider is asked for at most, and when it is left alone."""

    connections_max: Count = 64  # calls under way at once
    requests_per_second: Count = 5_000
    wait_seconds_max: Seconds = 1.0  # for the rate; then: come again
    breaker_failures: Count = 10  # in a row
    breaker_pause_seconds: Seconds = 2.0  # doubles with each probe that fails
    breaker_pause_seconds_max: Seconds = 60.0


class ProviderLink(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A gateway connection: which adapter, where, and under which name its callbacks arrive.

    Kind "bacen_psp" needs `callback` and `psp`; "simulator" has neither.
    """

    name: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,30}$")]
    kind: Literal["simulator", "bacen_psp"]
    url: str = ""  # empty with kind "simulator": the simulator of this platform
    callback: CallbackScheme | None = None
    psp: Psp | None = None
    limits: LinkLimits = LinkLimits()
    dynamic_codes: bool = False  # whether it hosts charges: their codes then expire for the payer


def problem_of(link: ProviderLink, *, simulated: bool) -> str | None:
    """What no single value says: why this link leads nowhere, or None when it is sound."""
    if link.kind == "simulator":
        if link.callback is not None or link.psp is not None:
            return "is the simulator's, which has neither `callback` nor `psp`"
        if not link.url and not simulated:
            return "needs a url, since this platform runs no simulator"
    else:
        if not link.url.startswith("https://"):
            return "needs a url that begins with https://"
        if link.callback is None or link.psp is None:
            return "needs the tables `callback` and `psp`"

    scheme = link.callback
    if isinstance(scheme, MtlsOnly) and not (
        scheme.certificate_sha256 or scheme.certificate_subject
    ):
        return "needs `certificate_sha256` or `certificate_subject`: any certificate would do"
    return None
