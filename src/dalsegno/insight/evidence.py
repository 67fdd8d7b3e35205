"""What a reason rests on: names, numbers, times and counts, so that nobody has to read them out of a sentence."""

from __future__ import annotations

from datetime import datetime

from dalsegno.client.standing import Awaited, Fact, Reason
from dalsegno.core.clock import to_datetime
from dalsegno.insight.reacts import event_names
from dalsegno.insight.reasons import Facts

_OF_WAITS = {
    Reason.RETRY: "retry",
    Reason.PRESSURE: "pressure",
    Reason.SIGNAL: "signal",
    Reason.EVENT: "signal",
    Reason.JOIN: "signal",
    Reason.TIMER: "timer",
    Reason.EARLIER: "timer",
    Reason.CHILD: "child",
    Reason.PERSON: "person",
}
_OF_WORKERS = (
    Reason.NO_WORKER, Reason.LACKS_CODE, Reason.WEDGED, Reason.DUE, Reason.RUNNING, Reason.STEP_RUNNING,
)  # fmt: skip


def evidence(facts: Facts, kind: Reason) -> dict[str, Fact]:
    """Return what a reason for which a run does not move rests on."""
    run = facts.run
    found: dict[str, Fact] = {"run": run.id, "since": to_datetime(run.changed_at)}
    if facts.reacts is not None:
        found |= {"event": facts.reacts.event, "key": facts.reacts.key}
    if kind in _OF_WORKERS:
        found |= _of_workers(facts)
    if kind in _OF_WAITS:
        found |= _of_waits([wait for wait in facts.waits if wait.kind == _OF_WAITS[kind]])
    match kind:
        case Reason.DEAD_LETTER | Reason.SCHEMA_REFUSED | Reason.BLOCKED | Reason.CIRCUIT_OPEN:
            found |= _of_reaction(facts, kind)
        case Reason.STEP_RUNNING if facts.doing:
            doing = facts.doing[0]
            found |= {
                "step": doing.step,
                "attempt": doing.attempt,
                "of": doing.of,
                "began_at": doing.began_at,
            }
        case Reason.COMPENSATING:
            found |= {"undone": facts.undone, "to_undo": facts.to_undo}
        case Reason.PARKED | Reason.FAILED:
            found |= {"reason": run.reason, "error": None if facts.error is None else facts.error.brief}
            found |= {"crashes": run.crashes} if run.crashes else {}
        case Reason.STORE_HELD:
            found |= {"pid": facts.holder}
        case Reason.NOT_YET_DUE | Reason.DUE:
            found |= {"due_at": _moment(run.due_at)}
        case _:
            pass
    return found


def _of_workers(facts: Facts) -> dict[str, Fact]:
    owner = facts.owner
    found: dict[str, Fact] = {"workers": len(facts.workers.alive)}
    if owner is not None:
        found |= {"worker": owner.name, "seconds": owner.seconds}
    return found | {"versions": facts.workers.versions(facts.run.workflow), "version": facts.run.version}


def _of_waits(waits: list[Awaited]) -> dict[str, Fact]:
    if not waits:
        return {}
    first = waits[0]
    found: dict[str, Fact] = {"names": tuple(event_names(waits) or [wait.name for wait in waits])}
    found |= {"since": first.since, "due_at": first.due_at}
    if first.kind == "retry":
        found |= {"attempt": first.attempt, "of": first.of, "error": first.detail}
    if first.kind == "child":
        found |= {"child": first.detail}
    return found


def _of_reaction(facts: Facts, kind: Reason) -> dict[str, Fact]:
    reacts = facts.reacts
    if reacts is None:
        return {}
    if kind is Reason.BLOCKED:
        return {"behind": reacts.ahead}
    if kind is Reason.CIRCUIT_OPEN:
        return {"until": _moment(reacts.open_until)}
    letter = reacts.letter
    if letter is None:
        return {}
    return {
        "dead_letter": letter.number,
        "attempts": letter.attempts,
        "times": letter.times,
        "cause": letter.cause,
        "error": letter.error,
        "since": to_datetime(letter.at),
    }


def _moment(at: int | None) -> datetime | None:
    return None if at is None else to_datetime(at)
