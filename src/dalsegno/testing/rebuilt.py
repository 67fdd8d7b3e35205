"""Replay equivalence: code that is brought back by its journal stands where the live code stands.

While a world runs, live executions are compared with ones rebuilt from the journal up to the same entry.
At rest all runs are rebuilt once more, side by side and in a shuffled order: what one of them is told must
not move another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from random import Random
from typing import Any

from dalsegno.core.execution import Execution
from dalsegno.engine.engine import Engine
from dalsegno.engine.registry import Registry
from dalsegno.testing.atrest import fresh, replay
from dalsegno.testing.shadows import Breach, Shadow


def state_of(execution: Execution) -> dict[str, Any]:
    """Say where an execution stands: all that decides what it does next, and nothing that an engine adds."""
    ops = execution.ops.values()
    return {
        "position": execution.position,
        "time": execution.loop.time_us,
        "made": execution.made,
        "ops": sorted((op.number, op.label, op.digest, op.attempts, op.intent, op.unknown) for op in ops),
        "cancelled": sorted(op.number for op in ops if op.cancelled()),
        "alarms": sorted((alarm.op, alarm.when_us) for alarm in execution.alarms.values()),
        "receivers": [op.number for op in execution.receivers],
        "mailbox": [entry.position for entry in execution.mailbox],
        "told": (execution.reason, execution.undone, execution.shielded, execution.cancel_requested),
        "ended": execution.ended,
        "line": "" if execution.ended else execution.line,
    }


class Rebuilt:
    """Rebuilds executions and compares them; ``compared`` counts how many."""

    def __init__(self, breach: Breach, registry: Registry, shadows: Mapping[int, Shadow]) -> None:
        self._breach = breach
        self._registry = registry
        self._shadows = shadows
        self.compared = 0

    def look(self, engines: Iterable[Engine]) -> None:
        """Compare what is live with what its journal says."""
        for engine in engines:
            for live in engine.live.values():
                shadow = self._shadows.get(live.number)
                began = not (live.cold or live.replaying or live.dropped or live.broken is not None)
                if began and shadow is not None and not live.execution.loop.dead:
                    self._compare(shadow, live.execution)

    def _compare(self, shadow: Shadow, live: Execution) -> None:
        run = shadow.run
        entries = shadow.entries[: live.position]
        rebuilt = replay(run, self._registry.workflow(run.workflow, run.version), entries)
        try:
            self._alike(run.id, state_of(live), state_of(rebuilt))
        finally:
            rebuilt.evict()

    def interleave(self, rng: Random) -> None:
        """Rebuild all runs side by side, entry by entry in a shuffled order, and one by one; compare."""
        shadows = [shadow for shadow in self._shadows.values() if not shadow.run.parked]
        flows = {shadow.run.number: self._workflow(shadow) for shadow in shadows}
        together = {shadow.run.number: fresh(shadow.run, flows[shadow.run.number]) for shadow in shadows}
        left = {shadow.run.number: [None, *shadow.entries] for shadow in shadows}
        while left:
            number = list(left)[int(rng.random() * len(left))]
            run, execution, entry = self._shadows[number].run, together[number], left[number].pop(0)
            if entry is None:
                execution.begin(flows[number].bind(run.input), run.started_at or run.created_at)
            else:
                execution.deliver(entry)
            if not left[number]:
                del left[number]
        for shadow in shadows:
            self._compare(shadow, together[shadow.run.number])
        for execution in together.values():
            execution.evict()

    def _workflow(self, shadow: Shadow) -> Any:
        return self._registry.workflow(shadow.run.workflow, shadow.run.version)

    def _alike(self, run_id: str, live: dict[str, Any], rebuilt: dict[str, Any]) -> None:
        self.compared += 1
        for name, there in live.items():
            if rebuilt[name] != there:
                self._breach("P3", f"{name} of {run_id}: live it is {there}, rebuilt {rebuilt[name]}")
