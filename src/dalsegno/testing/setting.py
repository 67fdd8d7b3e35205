"""What a simulated world is like, beside its faults."""

from __future__ import annotations

from dataclasses import dataclass, field

from dalsegno.core.limits import Limits
from dalsegno.testing.simloop import SECOND


@dataclass(frozen=True)
class Setting:
    """What a world is like, beside its faults. Times are microseconds.

    ``embedded`` has the first worker's program be the client too, as with ``with app as client``.
    ``lateness`` is how late timers fire at most, ``skew`` how far the workers' wall clocks may be off,
    ``rebirth`` how long at most until a process that died is started again, ``patience`` how long a
    world may take to come to rest. After every ``rebuild`` writes what is live is compared with what its
    journals rebuild; 0 is never.
    """

    workers: int = 1
    embedded: bool = False
    lease: int = SECOND
    slots: int = 1_000
    cache: int = 1_000
    latency: int = 1_000
    lateness: int = 0
    skew: int = 0
    rebirth: int = SECOND // 10
    patience: int = 120 * SECOND
    rebuild: int = 0
    limits: Limits = field(default=Limits(crashes=1_000, suspect=500))
