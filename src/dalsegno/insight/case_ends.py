"""Why nothing more comes of a case that has not ended: what was not emitted, and what was left out."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dalsegno.client.standing import Because, Fact, Reason
from dalsegno.core.cases import CaseRow
from dalsegno.core.reactions import ReactedAs
from dalsegno.core.runs import Run, Status
from dalsegno.insight.flow import Flow, Frontier, State, Trail
from dalsegno.insight.proposals import emit_command
from dalsegno.insight.trail import trouble
from dalsegno.store.cases import CaseTrail


@dataclass(frozen=True, slots=True)
class Ending:
    """A case that has not ended: its frontier, the flow, what it has left, and the first event left on the log."""

    told: Frontier
    flow: Flow
    trail: Trail
    left: CaseTrail
    row: CaseRow
    first: int

    def nothing_comes(self, runs: Iterable[Run], *, owes: bool) -> Iterator[Because]:
        """Say why no end is there, where nobody owes one or none can come any more.

        ``runs`` take part; ``owes`` tells whether anybody owes anything.
        """
        told = self.told
        if told.ended or (owes and not told.lost):
            return
        yield from _failed(runs)
        yield from self._removed()
        if told.awaited and not told.lost:
            yield _from_outside(told, self.row)
            return
        yield from _left_out(self.flow, self.trail)
        yield from _too_late(self.flow, self.left)
        yield self._not_emitted()

    def _removed(self) -> Iterator[Because]:
        """Say that the beginning is not on the log any more, so that what came of it is not known."""
        began = self.row.began_event
        if began is not None and began < self.first:
            text = (
                f"retention removed event {began}, with which it began: what came of it is not known any more"
            )
            process = self.flow.processes[self.told.process]
            verb = "show" if process.cancel is None else "cancel"
            command = f"dalsegno cases {verb} {shlex.quote(self.row.id)}"
            facts: dict[str, Fact] = {"event": began, "first_left": self.first}
            yield Because(Reason.RETENTION_PASSED, text, "", facts, (command,))

    def _not_emitted(self) -> Because:
        told, events = self.told, self.trail.events
        wanted = tuple(
            dict.fromkeys(name for end in told.ends for name in end.types if name not in told.done)
        )
        if told.lost:
            text = f"no end can be reached any more: {_listed(wanted)} is on no path that is left"
        else:
            text = f"{_listed(wanted)} was not emitted, and nothing that is open will emit it"
        without = list(self._without(frozenset(wanted)))
        if without:
            handler, number = without[-1]
            text += f"; {handler} reacted to event {number} without it"
        last = max(events, key=lambda event: event.number, default=None)
        show = () if last is None else (f"dalsegno events show {without[-1][1] if without else last.number}",)
        facts: dict[str, Fact] = {
            "missing": wanted,
            "last_event": None if last is None else last.number,
            "without": tuple(dict.fromkeys(handler for handler, _ in without)),
        }
        return Because(Reason.NOT_EMITTED, text, "", facts, show)

    def _without(self, wanted: frozenset[str]) -> Iterator[tuple[str, int]]:
        """List who had the choice to emit what is missing, and the event to which they reacted without it."""
        for each in sorted(self.trail.reactions, key=lambda each: each.event):
            handler = self.flow.by_title.get(each.handler)
            if each.state is State.DONE and handler is not None and wanted & set(handler.gives):
                yield each.handler, each.event


def _from_outside(told: Frontier, row: CaseRow) -> Because:
    names = tuple(each.type for each in told.awaited)
    workflows = tuple(dict.fromkeys(name for each in told.awaited for name in each.by))
    text = f"waits for {_listed(names)}, which "
    text += f"workflow {_listed(workflows)} emits once it is started" if workflows else "comes from outside"
    emit = tuple(emit_command(name, row.id) for name in names[:3])
    return Because(Reason.EVENT, text, "", {"names": names, "workflows": workflows}, emit)


def _failed(runs: Iterable[Run]) -> Iterator[Because]:
    for run in runs:
        if run.status in (Status.FAILED, Status.CANCELLED):
            error, kind = trouble(run.error), Reason(run.status.value)
            text = f"run {run.id} {run.status.value}{f' ({run.reason})' if run.reason else ''}"
            text += f" with {error.brief}" if error is not None and kind is Reason.FAILED else ""
            facts = {"run": run.id, "error": None if error is None else error.brief}
            yield Because(kind, text, run.id, facts, (f"dalsegno runs show {shlex.quote(run.id)}",))


def _left_out(flow: Flow, trail: Trail) -> Iterator[Because]:
    for each in trail.reactions:
        handler = flow.by_title.get(each.handler)
        if each.state is State.FILTERED and handler is not None and handler.gives:
            text = f"{each.handler}'s own filter left event {each.event} out"
            show = (f"dalsegno events show {each.event}",)
            yield Because(Reason.FILTERED, text, each.handler, {"event": each.event}, show)


def _too_late(flow: Flow, left: CaseTrail) -> Iterator[Because]:
    """Name the events that came too late for the order of their key: they, or later ones, had been handled."""
    types = {event.number: event.type for event in left.events}
    for row in left.reactions:
        takers = [each for each in flow.takers.get(types.get(row.event, ""), ()) if each.gives]
        if row.outcome == ReactedAs.STALE and takers:
            note = f" ({row.note})" if row.note else ""
            text = (
                f"event {row.event} came too late for the order of its key{note}: recorded, not handled again"
            )
            show = (f"dalsegno events show {row.event}",)
            yield Because(Reason.DUPLICATE, text, takers[0].title, {"event": row.event}, show)


def _listed(names: tuple[str, ...]) -> str:
    return " or ".join(names) if names else "an end"
