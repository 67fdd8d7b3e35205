"""What is open in a case: reactions, rounds of joins, runs, and what others may still bring."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from dalsegno.insight.flow.declared import Flow, Handler, Process
from dalsegno.insight.flow.net import NOTHING, Gate, Net, Source
from dalsegno.insight.flow.outcomes import subsets
from dalsegno.insight.flow.results import Debtor
from dalsegno.insight.flow.trail import Happened, State, Trail

_NO_PART = (State.CANCELLED, State.FILTERED, State.PASSED)


class Owing(NamedTuple):
    """Something of the case that may emit now, and who it is."""

    source: Source
    debtor: Debtor


class Open(NamedTuple):
    """All that is open: who owes, what others may bring, what opens once its parts are there.

    The first of the ``gates`` are the joins, in the order of the net; those of the ends follow.
    """

    owing: tuple[Owing, ...]
    others: tuple[tuple[Source, str | None], ...]  # with the workflow that would bring it; None: from outside
    gates: tuple[Gate, ...]


def what_is_open(flow: Flow, process: Process, net: Net, trail: Trail) -> Open:
    """Find what is open."""
    look = _Look(flow, process, net, trail)
    owing = [*look.reactions(), *look.runs()]
    gates: list[Gate] = []
    for handler, parts, source in net.joins:
        lacking, complete = look.rounds(handler)
        owing += complete
        gates.append(Gate(parts, source, tuple(lacking), fresh=True))
    ends = [_end(net, trail, each) for each in process.ends]
    return Open(tuple(owing), tuple(look.others()), (*gates, *ends))


def _end(net: Net, trail: Trail, types: tuple[str, ...]) -> Gate:
    """Make the gate of an end, whose parts are the events that it lacks."""
    lacking = [name for name in types if name not in trail.types]
    parts = tuple(net.mask([name], free=True) | net.mask([name], free=False) for name in lacking)
    return Gate(parts, NOTHING, (tuple(range(len(parts))),), fresh=False)


class _Look:
    """One look at the trail of one case."""

    def __init__(self, flow: Flow, process: Process, net: Net, trail: Trail) -> None:
        self._flow = flow
        self._process = process
        self._net = net
        self._trail = trail
        self._followers = trail.followers()

    def _is_free(self, event: Happened) -> bool:
        """Tell whether everybody may react to an event: the case goes on, or it follows the cancelling."""
        return self._trail.cancelled is None or event.number in self._followers

    def reactions(self) -> Iterator[Owing]:
        """List the reactions to single events that are open, and those that are dead letters."""
        for event in self._trail.events:
            for handler in self._flow.takers.get(event.type, ()):
                if handler.joins:
                    continue
                state = self._trail.state(event, handler)
                free = self._is_free(event)
                if state in (State.OPEN, State.DEAD_LETTER) and (free or handler.goes_on):
                    yield self._owing(handler, event, state, free=free)

    def _owing(self, handler: Handler, event: Happened, state: State, *, free: bool) -> Owing:
        stuck = state is State.DEAD_LETTER
        due_at = None if handler.due is None else event.at + handler.due
        debtor = Debtor(handler.title, event.number, event.type, "dead letter" if stuck else "open", due_at)
        return Owing(self._net.source_of(handler, free=free, stuck=stuck), debtor)

    def runs(self) -> Iterator[Owing]:
        """List the runs that have not ended; what they emit does not follow a cancelling."""
        for run in self._trail.runs:
            emitter = self._flow.by_emitter.get(run.workflow)
            if run.open and emitter is not None:
                source = self._net.source(emitter.outcomes, free=False)
                yield Owing(source, Debtor(run.workflow, None, None, "running"))

    def rounds(self, handler: Handler) -> tuple[list[tuple[int, ...]], list[Owing]]:
        """List what each round of a join that waits still lacks, by place, and the rounds that are owed a reaction."""
        lacking: list[tuple[int, ...]] = []
        owing: list[Owing] = []
        for parts in self._begun(handler):
            states = {self._trail.state(event, handler) for event in parts.values()}
            if State.DONE in states:
                continue
            missing = tuple(place for place, name in enumerate(handler.takes) if name not in parts)
            if not missing:
                state = State.DEAD_LETTER if State.DEAD_LETTER in states else State.OPEN
                owing.append(self._owing(handler, max(parts.values(), key=_number), state, free=True))
            elif lacking.count(missing) < 2:  # more of the same would change nothing
                lacking.append(missing)
        return lacking, owing

    def _begun(self, handler: Handler) -> Iterator[dict[str, Happened]]:
        """Put the parts of a join together as the log does: each joins the oldest round of its key that lacks it."""
        rounds: dict[str | None, list[dict[str, Happened]]] = {}
        for event in self._trail.events:
            if event.type not in handler.takes or self._trail.state(event, handler) in _NO_PART:
                continue
            if not (self._is_free(event) or handler.goes_on):
                continue
            of_key = rounds.setdefault(event.key, [])
            lacks = next((parts for parts in of_key if event.type not in parts), None)
            if lacks is None:
                of_key.append({event.type: event})
            else:
                lacks[event.type] = event
        for of_key in rounds.values():
            yield from of_key

    def others(self) -> Iterator[tuple[Source, str | None]]:
        """List what others may bring, while the case has not ended: each once, in some world."""
        there = self._trail.types
        over = any(there.keys() >= set(end) for end in self._process.ends)
        if over or self._trail.cancelled is not None:
            return
        part = self._flow.part(self._process)
        for name in self._flow.outside(self._process):
            if name not in there:
                yield self._net.source(subsets([name])), None
        for emitter in self._flow.emitters:
            if emitter.reacts or part.isdisjoint(emitter.gives):
                continue
            if not self._trail.has_begun(self._flow, emitter.name):
                yield self._net.source(emitter.outcomes), emitter.name


def _number(event: Happened) -> int:
    return event.number
