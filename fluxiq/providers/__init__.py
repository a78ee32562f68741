"""PIX providers: adapters behind `ports.Provider`, their signatures, and a simulated one."""

from fluxiq.providers.gateway import ProviderAddress, open_provider

__all__ = ["ProviderAddress", "open_provider"]
