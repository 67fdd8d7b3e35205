"""What must hold once the faults have stopped: who is due is taken, and nobody holds on to anything.

A run that is due is claimed at most a poll interval late while a worker has a free slot (P7), and
memory is given back: no live run, no alarm, no task, no thread is left of what has come to rest (P10).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dalsegno.core.runs import Run
from dalsegno.engine.engine import Engine
from dalsegno.testing.reacting import Reacting
from dalsegno.testing.shadows import Broken
from dalsegno.testing.simloop import SECOND, Host

POLL = 4 * SECOND
"""How late a due run may be claimed: a worker's poll interval, with what the store takes to answer."""

SERVICES = 6
"""Tasks that a worker has while nothing happens: queue, claimer, sweeper, heart, and what two of them await."""


class Calm:
    """Follows since when each run is due while somebody could take it."""

    def __init__(self) -> None:
        self._since: dict[int, int] = {}

    def look(self, due: Iterable[Run], engines: Iterable[Engine], slots: int, now: int) -> None:
        """Look at the runs that are due and owned by nobody; ``now`` is the loop's time."""
        free = any(engine.session and len(engine.live) < slots and not engine.suspects for engine in engines)
        numbers = {run.number: run for run in due} if free else {}
        self._since = {number: since for number, since in self._since.items() if number in numbers}
        for number, run in numbers.items():
            late = now - self._since.setdefault(number, now)
            if late > POLL:
                raise Broken(
                    f"P7: {run.id} has been due for {late / SECOND:.3f} s, and nobody takes it: {run}"
                )


def forget_cached(engine: Engine) -> None:
    """Have a process forget the waiting runs that it keeps in memory."""
    for live in engine._cache.empty():
        live.execution.evict()


def behind(reacting: Reacting, last: int, known: Iterable[str]) -> list[str]:
    """Say which of the services that programs know have not passed all events up to the ``last`` one."""
    names = {service.name for service in reacting.services.values()}
    unknown = [f"service {name} has not begun" for name in known if name not in names]
    return unknown + [
        f"service {service.name} has come to {one.position} of {last} in partition {one.partition}"
        for one in reacting.partitions.values()
        if (one.position < last or reacting.is_orphan(one))
        and (service := reacting.services[one.service]).paused_at is None
    ]


def leftovers(engines: Mapping[str, Engine], hosts: Iterable[Host], services: int = 0) -> list[str]:
    """Say what processes still hold though nothing is to be done."""
    most = SERVICES + (1 + 3 * services if services else 0)  # a reader, what it awaits, and its careful self
    found = []
    for name, engine in engines.items():
        if engine.live or engine.busy:
            found.append(f"{name} still has {[live.run.id for live in engine.live.values()]}")
        if engine._alarms or engine._background:
            found.append(f"{name} still waits: {engine._alarms}, {engine._background}")
    for host in hosts:
        tasks = [getattr(task.get_coro(), "__qualname__", "") for task in host.tasks.values()]
        own = sorted(name for name in tasks if not name.startswith("World."))
        if len(own) > most:
            found.append(f"{host} still runs {own}")
    return found
