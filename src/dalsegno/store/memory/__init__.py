"""The store in memory: the oracle that every other store is compared with.

Nothing survives the process. It is the shortest telling of what the verbs mean: a group is applied to
the rows item by item, and what refuses does so before its first change.
"""

from dalsegno.store.memory.store import MemoryStore

__all__ = ["MemoryStore"]
