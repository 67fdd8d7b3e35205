"""The instrument that the engine is tested with: a simulated machine room, its faults, what must hold."""
