"""Simulated lives of drawn trees: one seed, one trace, event for event."""

from supervisors.simulation.run import SeedResult, replay_command, run_once, run_seed

__all__ = ["SeedResult", "replay_command", "run_once", "run_seed"]
