"""Which of several reasons binds: the one that somebody has to mend first, because mending another would not help.

What holds more comes before what holds less: as long as nobody can write, no worker can act; without a
worker no service reads; a service that stands still reaches no handler; and a handler comes to a key, a key to
its events. Among what holds one thing alone, whatever needs somebody comes before what passes by
itself, and a cause before what only follows from it.
"""

from __future__ import annotations

from collections.abc import Iterable

from dalsegno.client.standing import Because, Reason

NEEDS_SOMEBODY = (
    Reason.STORE_FULL,
    Reason.STORE_HELD,
    Reason.NO_WORKER,
    Reason.LACKS_CODE,
    Reason.WEDGED,
    Reason.SERVICE_PAUSED,
    Reason.RETENTION_PASSED,
    Reason.DEAD_LETTER,
    Reason.SCHEMA_REFUSED,
    Reason.PARKED,
    Reason.PERSON,
    Reason.NOTHING,
    Reason.FAILED,
    Reason.CANCELLED,
    Reason.FILTERED,
    Reason.DUPLICATE,
    Reason.NOT_EMITTED,
)
"""Those that do not pass by themselves, in the order in which they bind."""

PASSES = (
    Reason.CIRCUIT_OPEN,
    Reason.PRESSURE,
    Reason.EARLIER,
    Reason.BLOCKED,
    Reason.SIGNAL,
    Reason.EVENT,
    Reason.COMPENSATING,
    Reason.RETRY,
    Reason.CHILD,
    Reason.JOIN,
    Reason.LAG,
    Reason.DUE,
    Reason.STEP_RUNNING,
    Reason.RUNNING,
    Reason.TIMER,
    Reason.NOT_YET_DUE,
    Reason.NOT_KNOWN,
    Reason.COMPLETED,
)
"""Those behind which something still moves, or for which somebody outside is awaited, in that order."""

_RANKS = {reason: rank for rank, reason in enumerate((*NEEDS_SOMEBODY, *PASSES))}


def rank(reason: Reason) -> int:
    """Tell how early a reason binds; 0 is first."""
    return _RANKS[reason]


def in_order(*held: Iterable[Because]) -> tuple[Because, ...]:
    """Put the reasons of several things together, each once.

    First come those that bind each thing, in the order in which they bind; then, likewise, those that would
    hold a thing next.
    """
    each_in_turn = [tuple(reasons) for reasons in held]
    first = sorted((reasons[0] for reasons in each_in_turn if reasons), key=_place)
    then = sorted((each for reasons in each_in_turn for each in reasons[1:]), key=_place)
    kept: dict[tuple[Reason, str, str], Because] = {}
    for each in (*first, *then):
        kept.setdefault((each.kind, each.about, each.text), each)
    return tuple(kept.values())


def _place(because: Because) -> int:
    return rank(because.kind)


def is_stuck(*held: Iterable[Because]) -> bool:
    """Tell whether somebody has to act for one of several things, by the reasons that hold each of them."""
    return any(_root(tuple(reasons)) in NEEDS_SOMEBODY for reasons in held)


def _root(reasons: tuple[Because, ...]) -> Reason | None:
    """Say what holds one thing in the end: of one behind another, what holds that one."""
    first = reasons[0] if reasons else None
    if first is None or first.kind is not Reason.BLOCKED or first.evidence is None:
        return None if first is None else first.kind
    ahead = first.evidence["behind"]
    found = (each.kind for each in reasons[1:] if each.evidence and each.evidence.get("run") == ahead)
    return next(found, first.kind)


def commands(reasons: Iterable[Because], most: int = 4) -> tuple[str, ...]:
    """Gather the commands of use, those of the reason that binds first."""
    return tuple(dict.fromkeys(command for each in reasons for command in each.next))[:most]
