"""THE table of schemes: their names in an institution's file, and what checks them."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from fluxiq.providers.callbacks.client_certificate import mtls_only
from fluxiq.providers.callbacks.proofs import Verify
from fluxiq.providers.callbacks.public_key import ecdsa_sha256, rsa_sha256
from fluxiq.providers.callbacks.shared_secret import (
    hmac_sha256,
    hmac_sha256_body,
    manifest_hmac,
    static_token,
)
from fluxiq.settings.providers import CallbackScheme

# Each takes the settings of its own scheme: the name of the scheme is the tag of their record.
STRATEGIES: Mapping[str, Callable[[Any], Verify]] = MappingProxyType(
    {
        "hmac_sha256": hmac_sha256,
        "hmac_sha256_body": hmac_sha256_body,
        "rsa_sha256": rsa_sha256,
        "ecdsa_sha256": ecdsa_sha256,
        "static_token": static_token,
        "manifest_hmac": manifest_hmac,
        "mtls_only": mtls_only,
    }
)


def verification(scheme: CallbackScheme) -> Verify:
    """What checks the calls of a link. Reads its secrets and keys; raises StartRefused."""
    return STRATEGIES[str(scheme.__struct_config__.tag)](scheme)
