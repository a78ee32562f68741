"""Couriers carry events to merchants' endpoints; the sink is such an endpoint, for demos."""
