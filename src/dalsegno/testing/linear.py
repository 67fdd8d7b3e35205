"""What callers were told, against an order in which it could all have happened: linearizability, run by run.

Each call of a client is written down with the moments at which it was made and answered. A call whose
answer never came (its process died, its store failed) may have happened at any moment after it was made,
or never. ``check`` looks for one order of all calls to a run that respects those moments and in which each
answer is what a single, sequential run would have given: the search of Wing and Gong, with the memory that
Lowe added to it. The end of a run is an event in that order whose moment is known.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from dalsegno.testing.shadows import Broken

OPEN = "open"
"""The answer of a call that was never answered."""

_NEVER = 1 << 62


class Call:
    """One call about one run: what was asked with what, when, and what the answer was."""

    def __init__(self, run_id: str, what: str, arg: Any, begun: int) -> None:
        self.run_id = run_id
        self.what = what
        self.arg = arg
        self.begun = begun
        self.ended = _NEVER
        self.answer: Any = OPEN

    def __repr__(self) -> str:
        ended = "…" if self.ended == _NEVER else self.ended
        return f"{self.what}({self.arg!r}) -> {self.answer!r} [{self.begun}-{ended}]"


class State(NamedTuple):
    """A run as its callers can know it."""

    input: Any = None
    signals: frozenset[Any] = frozenset()
    cancelled: bool = False
    end: str | None = None  # how it ended, and with what, as text: a value need not be hashable


class Calls:
    """All calls of one world, in the order in which they were made."""

    def __init__(self) -> None:
        self.made: list[Call] = []
        self._ticks = 0
        self._older: set[str] = set()

    def given(self, run_id: str) -> None:
        """Know that a run is older than this world: of what was asked before, nothing was heard here."""
        self._older.add(run_id)

    def begin(self, run_id: str, what: str, arg: Any = None) -> Call:
        """Write down a call that is being made."""
        call = Call(run_id, what, arg, self._tick())
        self.made.append(call)
        return call

    def answered(self, call: Call, answer: Any) -> None:
        """Write down its answer: a value, or the name of an error that says for certain what happened."""
        call.ended, call.answer = self._tick(), repr(answer) if call.what == "result" else answer

    def run_ended(self, run_id: str, status: str, value: Any) -> None:
        """Write down that a run has ended, at this very moment."""
        call = self.begin(run_id, "end", (status, value))
        self.answered(call, None)

    def check(self) -> int:
        """Find an order for the calls to each run; raise ``Broken`` where there is none. Return how many calls."""
        runs: dict[str, list[Call]] = {}
        for call in self.made:
            runs.setdefault(call.run_id, []).append(call)
        checked = 0
        for run_id, calls in runs.items():
            if run_id in self._older:
                continue
            if any(call.what == "start" for call in calls):  # a child is started and cancelled by its parent
                checked += len(calls)
                if not has_order(calls := _that_matter(calls)):
                    told = "\n".join(map(repr, calls))
                    raise Broken(f"P1: no order explains what the callers of {run_id} were told:\n{told}")
        return checked

    def _tick(self) -> int:
        self._ticks += 1
        return self._ticks


def _that_matter(calls: Sequence[Call]) -> list[Call]:
    """Leave out calls without an answer that explain nothing: those that only look, and repetitions.

    All that change anything are idempotent, so of several alike that were never answered, one is enough.
    """
    kept: dict[object, Call] = {}
    for number, call in enumerate(calls):
        if call.answer is not OPEN:
            kept[number] = call
        elif call.what != "result":
            kept.setdefault((call.what, call.arg), call)
    return list(kept.values())


def has_order(calls: Sequence[Call]) -> bool:
    """Tell whether some order of the calls, true to their moments, explains all answers."""
    everything = sum(1 << number for number, call in enumerate(calls) if call.answer is not OPEN)
    tried: set[tuple[int, State]] = set()
    stack = [(0, State())]
    while stack:
        done, state = stack.pop()
        if done & everything == everything:
            return True
        if (done, state) in tried:
            continue
        tried.add((done, state))
        stack += [(done | 1 << number, after) for number, after in _next(calls, done, state)]
    return False


def _next(calls: Sequence[Call], done: int, state: State) -> Iterator[tuple[int, State]]:
    """Yield which calls may come next, and the state after each."""
    left = [number for number in range(len(calls)) if not done >> number & 1]
    first_answer = min((calls[number].ended for number in left), default=_NEVER)
    for number in left:
        call = calls[number]
        if call.begun > first_answer:
            continue  # one that had its answer before this was asked comes first
        after, answer = apply(state, call)
        # Told again after a lost reply, a caller may hear of its own signal or cancel as of one before it.
        repeated = answer is True and call.what in ("signal", "cancel") and call.answer is False
        if call.answer is OPEN or call.answer == answer or repeated:
            yield number, after


def apply(state: State, call: Call) -> tuple[State, Any]:
    """Return the state after a call, and what a sequential run answers to it."""
    if call.what == "start":
        if state.input is None:
            return state._replace(input=call.arg), True
        return state, True if state.input == call.arg else "RunConflict"
    if call.what == "end":
        possible = state.input is not None and state.end is None
        possible = possible and (call.arg[0] != "cancelled" or state.cancelled)
        return state._replace(end=repr(call.arg)), None if possible else "impossible"
    if state.input is None:
        return state, "RunNotFound"
    if call.what == "signal":
        if call.arg in state.signals:
            return state, False
        if state.end is not None:
            return state, "RunEnded"
        return state._replace(signals=state.signals | {call.arg}), True
    if call.what == "cancel":
        asked = not state.cancelled and state.end is None
        return state._replace(cancelled=state.cancelled or asked), asked
    assert call.what == "result"
    return state, state.end
