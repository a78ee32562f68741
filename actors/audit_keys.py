"""The keys that seal an institution's audit trail, made from the master key of this platform.

They are nowhere in a database. `[audit] key_generation` counts up to begin with a new one; those
before it still verify what they sealed.
"""

from actors.platform import Platform
from fluxiq.domain.audit_signature import SealingKey, TrustedKeys


def sealing_key(platform: Platform, ispb: str) -> SealingKey:
    """The one that seals now."""
    return _key(platform, ispb, platform.settings.audit.key_generation)


def trusted_keys(platform: Platform, ispb: str) -> TrustedKeys:
    """All that ever sealed."""
    return TrustedKeys(public_keys(platform, ispb))


def public_keys(platform: Platform, ispb: str) -> list[bytes]:
    """Their public halves, the newest last."""
    generations = range(1, platform.settings.audit.key_generation + 1)
    return [_key(platform, ispb, generation).public for generation in generations]


def _key(platform: Platform, ispb: str, generation: int) -> SealingKey:
    return SealingKey(bytes.fromhex(platform.directory.secret(f"audit/{ispb}/{generation}")))
