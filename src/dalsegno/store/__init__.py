"""The seam between the engine and whatever keeps its rows: a protocol, and stores behind it."""
