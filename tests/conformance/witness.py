"""A store in memory that notes what happens to cases in it, so that a test knows what it has seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from dalsegno.core.cases import OPEN, RebuildCases
from dalsegno.core.commit import Done, Start
from dalsegno.core.event import Event
from dalsegno.store.memory import MemoryStore
from dalsegno.store.memory.tables import Cancelled

OPENED = ("a case opened by an event", "a case opened by a run")
CLOSED = ("a case ended", "a case cancelled")
FOUND = "an event that found its case"
STAMPED = "a stamp written"
MERGED = "two cases that were one"
TOLD = "a run called off"
TOLD_BY_MERGE = "a run called off as its case turned out to be cancelled"
LATE = "a late reaction called off"
LET_BE = ("a run that undoes let be", "a run of later events let be", "a child left to its parent")
SPOKE = "whoever cancelled let be"
ANEW = "cases made anew"
FORGOTTEN = "a case forgotten"

OCCASIONS = {
    *OPENED,
    *CLOSED,
    FOUND,
    STAMPED,
    MERGED,
    TOLD,
    TOLD_BY_MERGE,
    LATE,
    *LET_BE,
    SPOKE,
    ANEW,
    FORGOTTEN,
}

seen: Counter[str] = Counter()


class Witness(MemoryStore):
    """Counts in ``seen`` how often each of ``OCCASIONS`` has come; a transaction that is undone counts too."""

    def _open(self, *args: Any, **fields: Any) -> None:
        seen[OPENED[fields.get("event") is None]] += 1
        super()._open(*args, **fields)

    def _append(self) -> None:
        before = {name for name, case in self._cases.items() if case.state == OPEN}
        super()._append()
        for name in before & self._cases.keys():
            if self._cases[name].state != OPEN:
                seen[f"a case {self._cases[name].state}"] += 1

    def _find_case(self, *args: Any) -> str | None:
        found = super()._find_case(*args)
        seen[FOUND] += found is not None
        return found

    def _stamp_event(self, event: Event) -> None:
        super()._stamp_event(event)
        seen[STAMPED] += self._events[event.number] is not event

    def _merge(self, *args: Any) -> None:
        seen[MERGED] += 1
        super()._merge(*args)

    def _cancel(self, names: Sequence[tuple[str, str]], by: Cancelled, *speaker: int | None) -> None:
        first = min([by, *(self._cancelled[name] for name in names if name in self._cancelled)])
        for rows in self._rows.values():
            run = rows.run
            if (run.namespace, run.case_id) in names and not run.status.ended and "cancel" not in rows.known:
                later = run.cause is not None and run.cause >= first.event
                for what, so in zip(LET_BE, (run.undoes, later, self._kept_by_another(run)), strict=True):
                    seen[what] += so
                seen[SPOKE] += run.number == self._eldest(*speaker or (None,))
        before = self._called_off()
        super()._cancel(names, by, *speaker)
        seen[TOLD if speaker else TOLD_BY_MERGE] += self._called_off() - before

    def _call_off_late(self, start: Start) -> None:
        before = self._called_off()
        super()._call_off_late(start)
        seen[LATE] += self._called_off() - before

    def _called_off(self) -> int:
        return sum("cancel" in rows.known for rows in self._rows.values())

    def _rebuild_cases(self, item: RebuildCases) -> Done:
        done = super()._rebuild_cases(item)
        seen[ANEW] += done.count > 0
        return done

    def _forget_cases(self, before: int) -> None:
        there = len(self._cases)
        super()._forget_cases(before)
        seen[FORGOTTEN] += there - len(self._cases)
