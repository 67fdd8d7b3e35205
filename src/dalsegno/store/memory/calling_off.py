"""Cancelled cases: the event that cancels one calls its runs off, and so is what begins too late."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dalsegno.core.commit import Start
from dalsegno.core.runs import Run
from dalsegno.store.memory.runs import RunVerbs
from dalsegno.store.memory.tables import Cancelled
from dalsegno.store.verbs.calling_off import call_off


class CallingOff(RunVerbs):
    """What it means for runs that their case is cancelled."""

    def _cancel(self, names: Sequence[tuple[str, str]], by: Cancelled, speaker: int | None = None) -> None:
        """Note that a case is cancelled, and tell its runs, but for those that undo and the one that says so."""
        for name in names:
            self._cancelled.setdefault(name, by)
        speaker = self._eldest(speaker)
        for name in names:
            first = self._cancelled[name]
            for run in [run.number for run in self._to_call_off(name, first.event)]:
                if run != speaker:
                    self._send(call_off(run, first.sender))

    def _to_call_off(self, name: tuple[str, str], before: int) -> Iterator[Run]:
        for _, rows in sorted(self._rows.items()):
            run = rows.run
            mine = (run.namespace, run.case_id or run.id) == name
            late = run.undoes or run.status.ended or (run.cause is not None and run.cause >= before)
            if mine and not late and not self._kept_by_another(run):
                yield run

    def _kept_by_another(self, run: Run) -> bool:
        """Whether it hears of the end of its case from its parent, which is of that case too."""
        parent = self._rows.get(run.parent or 0) if run.attached and run.case_id is not None else None
        return parent is not None and parent.run.case_id == run.case_id and not parent.run.status.ended

    def _eldest(self, run: int | None) -> int | None:
        """Return the run that the others of a family are attached to."""
        rows = self._rows.get(run or 0)
        if rows is None or not rows.run.attached or rows.run.parent is None:
            return run
        return self._eldest(rows.run.parent)

    def _call_off_late(self, start: Start) -> None:
        """Call a reaction off that becomes a run only now, when its case has been cancelled since its event."""
        if start.case_id is None or start.cause is None or start.undoes:
            return
        by = self._cancelled.get((start.namespace, start.case_id))
        if by is not None and start.cause < by.event:
            self._send(call_off(start.number, by.sender))
