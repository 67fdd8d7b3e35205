"""What to do next: the commands that would be of use, for each reason for which a run does not move."""

from __future__ import annotations

import shlex

from dalsegno.client.standing import Reason
from dalsegno.insight.reacts import event_names
from dalsegno.insight.reasons import Facts


def next_commands(facts: Facts, reason: Reason) -> tuple[str, ...]:
    """Name the commands that would be of use now."""
    run = shlex.quote(facts.run.id)
    show, retry = f"dalsegno runs show {run}", f"dalsegno runs retry {run}"
    by_reason: dict[Reason, tuple[str, ...]] = {
        Reason.COMPLETED: (show,),
        Reason.FAILED: (show,),
        Reason.CANCELLED: (show,),
        Reason.RUNNING: (f"dalsegno runs watch {run}",),
        Reason.STEP_RUNNING: (f"dalsegno runs watch {run}",),
        Reason.COMPENSATING: (f"dalsegno runs watch {run}",),
        Reason.DUE: (f"dalsegno runs watch {run}",),
        # A reaction is not to be called off by itself: its case would wait for what it owes.
        Reason.RETRY: (show,) if facts.reacts is not None else (show, f"dalsegno runs cancel {run}"),
        Reason.TIMER: (f"dalsegno runs watch {run}",),
        Reason.SIGNAL: tuple(f"dalsegno runs signal {run} {name} '{{...}}'" for name in _signals(facts)),
        Reason.NOTHING: (show, f"dalsegno runs cancel {run}"),
        Reason.CHILD: tuple(f"dalsegno where {shlex.quote(child)}" for child in _children(facts)),
        Reason.PERSON: (retry,),
        Reason.DEAD_LETTER: _letter(facts),
        Reason.SCHEMA_REFUSED: _letter(facts),
        Reason.BLOCKED: _ahead(facts),
        Reason.EVENT: tuple(emit_command(name, facts.run.case_id) for name in event_names(facts.waits)[:3]),
        Reason.JOIN: (show, _events(facts)),
        Reason.CIRCUIT_OPEN: (_service(facts),),
        Reason.EARLIER: (show, _events(facts)),
        Reason.PRESSURE: ("dalsegno services list",),
        Reason.PARKED: (show, retry),
        Reason.NO_WORKER: ("dalsegno worker FILE.py", "dalsegno doctor"),
        Reason.LACKS_CODE: ("dalsegno worker FILE.py", "dalsegno doctor"),
        Reason.WEDGED: ("dalsegno doctor",),
    }
    return by_reason.get(reason) or store_commands(reason, facts.holder)


def emit_command(name: str, case: str | None) -> str:
    """Name the command that puts an event on the log; its class tells its key."""
    of_case = "" if case is None else f" --case {shlex.quote(case)}"
    return f"dalsegno events emit FILE.py:{shlex.quote(name)} '{{...}}'{of_case}"


def store_commands(reason: Reason, holder: int | None) -> tuple[str, ...]:
    """Name the commands that would be of use where nobody can write."""
    if reason is Reason.STORE_FULL:
        return ("df -h", "dalsegno doctor")
    return (f"ps -p {holder}", f"kill -CONT {holder}") if reason is Reason.STORE_HELD else ()


def _events(facts: Facts) -> str:
    key = None if facts.reacts is None else facts.reacts.key
    return "dalsegno events list" + ("" if key is None else f" --key {shlex.quote(key)}")


def _service(facts: Facts) -> str:
    reacts = facts.reacts
    return (
        "dalsegno services list"
        if reacts is None
        else f"dalsegno services show {shlex.quote(reacts.service)}"
    )


def _signals(facts: Facts) -> list[str]:
    titles = [wait.name for wait in facts.waits if wait.kind == "signal"]
    return [shlex.quote(name) for title in titles[:3] for name in title.split(" | ")[:3]]


def _children(facts: Facts) -> list[str]:
    return [wait.detail for wait in facts.waits if wait.kind == "child"][:3]


def _letter(facts: Facts) -> tuple[str, ...]:
    letter = None if facts.reacts is None else facts.reacts.letter
    number = "NUMBER" if letter is None else letter.number
    return (f"dalsegno dead-letters show {number}", f"dalsegno dead-letters redrive {number}")


def _ahead(facts: Facts) -> tuple[str, ...]:
    ahead = facts.reacts.ahead if facts.reacts is not None and facts.reacts.ahead else "ID"
    return (f"dalsegno where {shlex.quote(ahead)}",)
