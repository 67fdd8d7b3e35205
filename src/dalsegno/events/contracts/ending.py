"""A process reaches one of its ends from every state, and nothing is owed behind them.

The states of a process are walked through: what has happened so far, and which reactions are due. Each
reaction that may turn out in several ways leads to several states. A state from which no end can be
reached any more is a fault of the reaction that led there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from dalsegno.events.contracts.flow import Flow, Outcome, extras, is_patient, named, outcomes
from dalsegno.events.contracts.report import Finding, Rule
from dalsegno.events.declared import Many, Maybe
from dalsegno.events.handlers import Handler
from dalsegno.events.process import Process

MOST_STATES = 20_000
"""How many states of one process are walked through; beyond that it is not judged."""


class TooMany(Exception):
    """A process has more states than are walked through."""


class State(NamedTuple):
    """What has happened in a case, and which reactions are due, by their number."""

    happened: frozenset[str]
    due: frozenset[int]


class Step(NamedTuple):
    """A way from one state to another: by a reaction that ends in one way, or (None) by something else."""

    before: State
    after: State
    handler: Handler | None
    outcome: Outcome


class Walk:
    """All states that a case of one process may be in.

    ``settled`` are events that another finding is about: what hangs on them is taken to be well. So it is
    taken that an event comes of which another finding says that nobody emits it.
    """

    def __init__(self, flow: Flow, process: Process, settled: frozenset[str]) -> None:
        self._ends = [frozenset(kind.name for kind in each) for each in process.ends.sets]
        self._settled = settled
        self._flow = flow
        targets = settled.union(*self._ends)
        self._near = leading_to(flow, targets)
        self._handlers = [
            each for each in flow.handlers if any(kind.name in self._near for kind in each.takes)
        ]
        self._ways = [self._ways_of(each) for each in self._handlers]
        first = {kind.name for kind in process.starts}
        cancel = {process.cancel.name} if process.cancel else set()
        starts = {kind.name for each in flow.known.processes.values() for kind in each.starts}
        lacking = flow.wanted.keys() - flow.emitters.keys()
        self._spontaneous = ((flow.spontaneous | lacking) & self._near) - starts - cancel
        self.steps: list[Step] = []
        self.good: set[State] = set()
        self.begins = [
            self._after(State(frozenset(), frozenset()), frozenset({name})) for name in sorted(first)
        ]
        self._explore()

    def _ways_of(self, handler: Handler) -> list[tuple[Outcome, Outcome]]:
        """List the ways in which a reaction ends: as it matters here, and in full."""
        ways: dict[Outcome, Outcome] = {}
        unsure = is_patient(handler) or isinstance(handler.follows, Many) or self._comes_often(handler)
        unsure = unsure or (isinstance(handler.follows, Maybe) and isinstance(handler.follows.of, Many))
        for outcome in outcomes(handler):
            whole = outcome | extras(handler)
            if whole or not unsure or handler.follows.types == ():
                ways.setdefault(whole & self._near, whole)
        return list(ways.items())

    def _comes_often(self, handler: Handler) -> bool:
        """Tell whether what it takes is given by the list, so that one of several may well lead to nothing."""
        taken = {kind.name for kind in handler.takes}
        return any(
            isinstance(other.follows, Many) and taken & {kind.name for kind in other.follows.types}
            for other in self._flow.handlers
        )

    def _explore(self) -> None:
        seen, todo = set(self.begins), list(self.begins)
        while todo:
            state = todo.pop()
            if self._is_over(state):
                self.good.add(state)
                continue
            for step in self._next(state):
                self.steps.append(step)
                if step.after not in seen:
                    seen.add(step.after)
                    todo.append(step.after)
            if len(seen) > MOST_STATES:
                raise TooMany
        self._spread()

    def _spread(self) -> None:
        """Count as good whatever may still lead to an end."""
        before: dict[State, list[State]] = {}
        for step in self.steps:
            before.setdefault(step.after, []).append(step.before)
        todo = list(self.good)
        while todo:
            for state in before.get(todo.pop(), ()):
                if state not in self.good:
                    self.good.add(state)
                    todo.append(state)

    def _is_over(self, state: State) -> bool:
        return bool(state.happened & self._settled) or any(each <= state.happened for each in self._ends)

    def _next(self, state: State) -> Iterator[Step]:
        """Let the first reaction that is due take place: their order does not matter, only how they end."""
        if not state.due:
            for name in sorted(self._spontaneous - state.happened):
                one = frozenset({name})
                yield Step(state, self._after(state, one), None, one)
            return
        number = min(state.due)
        left = State(state.happened, state.due - {number})
        for near, whole in self._ways[number]:
            yield Step(state, self._after(left, near), self._handlers[number], whole)

    def _after(self, state: State, names: Outcome) -> State:
        happened = state.happened | names
        due = set(state.due)
        for number, handler in enumerate(self._handlers):
            joins = {kind.name for kind in handler.contract.joins}
            if any(kind.name in names for kind in handler.takes) and joins <= happened:
                due.add(number)
        return State(happened, frozenset(due))


def leading_to(flow: Flow, targets: frozenset[str]) -> frozenset[str]:
    """Name all events from which one of these may come about, themselves too."""
    found = set(targets)
    while True:
        more = {
            kind.name
            for handler in flow.handlers
            if any(kind.name in found for kind in handler.contract.gives)
            for kind in handler.takes
        } - found
        if not more:
            return frozenset(found)
        found |= more


def stuck(flow: Flow, settled: frozenset[str], notes: list[str]) -> Iterator[Finding]:
    """Find where a process gets into a state from which it reaches none of its ends."""
    for process in flow.known.processes.values():
        try:
            walk = Walk(flow, process, settled)
        except TooMany:
            notes.append(
                f"process {process.name} ({process.place}) has more than {MOST_STATES:,} states: "
                "whether it reaches an end from each of them was not judged"
            )
            continue
        told: set[tuple[Handler | None, Outcome]] = set()
        for begin in walk.begins:
            if begin not in walk.good:
                yield _never(process, begin)
        for step in walk.steps:
            bad = step.before in walk.good and step.after not in walk.good
            if bad and step.handler is not None and (step.handler, step.outcome) not in told:
                told.add((step.handler, step.outcome))
                yield _fatal(process, step, step.handler)


def _never(process: Process, begin: State) -> Finding:
    names = ", ".join(sorted(begin.happened))
    return Finding(
        Rule.NO_END,
        f"Process {process.name} reaches none of its ends ({process.ends}) from {names}.",
        process.place,
        "A case of it stays open for ever.",
        "See which handlers are to lead there, or mend ends=.",
    )


def _fatal(process: Process, step: Step, handler: Handler) -> Finding:
    given = f"gives {', '.join(sorted(step.outcome))}" if step.outcome else "gives nothing"
    return Finding(
        Rule.NO_END,
        f"After {named(handler)} {given}, process {process.name} reaches none of its ends ({process.ends}).",
        handler.place,
        f"What has happened then: {', '.join(sorted(step.after.happened))}. The case stays open for ever.",
        "Handle what follows up to an end, or add an end to the process.",
        (process.place,),
    )


def owed(flow: Flow) -> Iterator[Finding]:
    """Find ends behind which something surely follows, so that the case is not over."""
    processes = flow.known.processes.values()
    for process in processes:
        others = [each for each in processes if each is not process]
        elsewhere = leading_to(flow, frozenset(kind.name for each in others for kind in each.ends.types))
        closing = leading_to(flow, frozenset(kind.name for kind in process.ends.types))
        for ends in process.ends.sets:
            harmless = elsewhere | (closing if len(ends) > 1 else frozenset())
            for kind in ends:
                for handler in flow.taking.get(kind.name, []):
                    if not handler.contract.joins and _surely_owes(flow, handler, harmless):
                        yield _owes(process, kind.name, handler)


def _surely_owes(flow: Flow, handler: Handler, harmless: frozenset[str]) -> bool:
    """Tell whether a handler must give something that is a matter of this process, whatever it decides."""
    ends: Mapping[str, bool] = {
        name: name in harmless or all(kind.meant.nobody for kind in flow.kinds(name))
        for outcome in outcomes(handler)
        for name in outcome
    }
    return all(outcome and not all(ends[name] for name in outcome) for outcome in outcomes(handler))


def _owes(process: Process, name: str, handler: Handler) -> Finding:
    return Finding(
        Rule.OWED_AFTER_END,
        f"Process {process.name} ends with {name}, and {named(handler)} then surely gives {handler.follows}.",
        process.place,
        "A case that has ended would still owe something.",
        "End it with what comes last, or let that belong to another process.",
        (handler.place,),
    )
