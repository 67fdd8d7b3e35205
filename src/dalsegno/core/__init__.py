"""Values and rules: what a run, an entry, a time, an id and a payload are, and how a run advances.

Nothing in this room does I/O or starts a thread. Time is read in ``clock`` alone and randomness in
``ids`` alone, so whoever hands both in (the simulation does) decides everything that happens here.
"""
