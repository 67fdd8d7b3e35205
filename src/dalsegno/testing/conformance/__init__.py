"""A behavioural suite that any store can run: what ``store.protocol.Store`` promises, case by case.

It needs no test framework. ``await exercise(make_store)`` runs all of it, each case on a store of its
own; whoever wants each case as a test of its own goes through ``CASES`` and calls ``check`` of each.
A store is asked for what not all of them can do by the name of the capability, never by its own name.
"""

from dalsegno.testing.conformance.suite import CASES, Report, check, exercise
from dalsegno.testing.conformance.world import Capability, Case, MakeStore, SetClock, StoreMisbehaves, World

__all__ = [
    "CASES",
    "Capability",
    "Case",
    "MakeStore",
    "Report",
    "SetClock",
    "StoreMisbehaves",
    "World",
    "check",
    "exercise",
]
