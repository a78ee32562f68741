"""PIX providers: adapters behind `ports.Provider`, their signatures, and a simulated one."""

from fluxiq.providers.gateway import GatewayConnection, ProviderAddress, open_provider
from fluxiq.providers.guarded import Watcher

__all__ = ["GatewayConnection", "ProviderAddress", "Watcher", "open_provider"]
