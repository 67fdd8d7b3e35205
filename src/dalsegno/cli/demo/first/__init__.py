"""The order on the first screen of the README: its program, which is written down, run and asked about."""
