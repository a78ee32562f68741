"""Simulated lives of the real writer, breaker and recovery: one seed, one trace."""

from fluxiq.ledgers.simulation.run import SeedResult, replay_command, run_seed

__all__ = ["SeedResult", "replay_command", "run_seed"]
