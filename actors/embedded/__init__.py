"""Real servers from wheels, each a supervised OS process, all data in one directory.

Every server has an endpoint, known before it starts, and a child for the tree.
"""

from actors.embedded.directory import DataDirectory
from actors.embedded.nats import NatsEndpoint, nats_child, nats_endpoint, reload_nats
from actors.embedded.postgres import PostgresEndpoint, postgres_child, postgres_endpoint
from actors.embedded.tigerbeetle import (
    TigerBeetleEndpoint,
    tigerbeetle_child,
    tigerbeetle_endpoint,
)
from actors.embedded.valkey import ValkeyEndpoint, acl_rules, valkey_child, valkey_endpoint

__all__ = [
    "DataDirectory",
    "NatsEndpoint",
    "PostgresEndpoint",
    "TigerBeetleEndpoint",
    "ValkeyEndpoint",
    "acl_rules",
    "nats_child",
    "nats_endpoint",
    "postgres_child",
    "postgres_endpoint",
    "reload_nats",
    "tigerbeetle_child",
    "tigerbeetle_endpoint",
    "valkey_child",
    "valkey_endpoint",
]
