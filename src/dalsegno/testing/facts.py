"""What a play came to, as far as two plays must agree on it: how its runs ended, and what is on the log.

A reaction has no place of its own in it: whether one had to go on as a run depends on what befell it.
What it came to is what it emitted, or a dead letter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from dalsegno.core.runs import Run
from dalsegno.store.log import DeadLetterQuery
from dalsegno.testing.endings import End, end_of
from dalsegno.testing.naming import event_name
from dalsegno.testing.shadows import peek
from dalsegno.testing.stage import Stage

_ALL = 1_000_000


class Facts(NamedTuple):
    """How each run ended, how often which event is on the log, and which dead letters are open."""

    runs: dict[str, End]
    events: Counter[str]
    letters: Counter[str]


def facts(stage: Stage) -> Facts:
    """Collect the facts of a play at rest."""
    runs = {run.id: end_of(run) for run in stage.runs() if not is_reaction(stage, run)}
    events = Counter(event_name(event) for event in stage.invariants.chronicle.events.values())
    return Facts(runs, events, Counter(name for name, _ in letters(stage)))


def letters(stage: Stage) -> Iterator[tuple[str, str]]:
    """Yield the open dead letters of a play: handler and event, and the error."""
    for letter in peek(stage.store.dead_letters(DeadLetterQuery(limit=_ALL))):
        title = stage.names.handler(letter.service, letter.handler)
        yield f"{title} of {stage.names.event(letter.event)}", letter.error


def is_reaction(stage: Stage, run: Run) -> bool:
    """Whether a run is a reaction, or a child of one."""
    return run.id.partition("#")[0] in stage.titles and "#" in run.id


def differing(clean: Facts, now: Facts) -> str | None:
    """Say in what a play came to something else than the clean one; None if in nothing."""
    for run_id in sorted(now.runs.keys() | clean.runs.keys()):
        before, after = clean.runs.get(run_id), now.runs.get(run_id)
        if before != after:
            return f"{run_id} ended {_shown(after)}, without faults {_shown(before)}"
    for event in sorted(now.events.keys() | clean.events.keys()):
        if now.events[event] != clean.events[event]:
            return f"{event} is {_times(now.events[event])} on the log, without faults {_times(clean.events[event])}"
    return None


def _times(count: int) -> str:
    return {0: "not", 1: "once"}.get(count, f"{count} times")


def _shown(end: End | None) -> str:
    if end is None:
        return "not at all: it is not there"
    status, reason, told = end
    value = told.decode(errors="replace") if isinstance(told, bytes) else told
    return f"{status}{f' ({reason})' if reason else ''} with {value}"
