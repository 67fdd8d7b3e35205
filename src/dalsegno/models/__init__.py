"""Guests of the engine: each model is written with the verbs that user code has, and owns no table."""
