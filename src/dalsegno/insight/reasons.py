"""Why a run does not move: from what is known of it, the one reason that holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dalsegno.client.standing import Awaited, Doing, Reason, Trouble, Why, WorkerView, without_module
from dalsegno.core.clock import SECOND, from_datetime
from dalsegno.core.durations import text as length
from dalsegno.core.reactions import DeadLetterRow, read_by
from dalsegno.core.runs import (
    COMPENSATING,
    COMPENSATION_FAILED,
    DEAD_LETTER,
    DIVERGED,
    KILLS_ITS_WORKER,
    Run,
    Status,
)
from dalsegno.errors import NoConverter, NotDecodable
from dalsegno.insight.reacts import Reacts, event_names
from dalsegno.insight.workers import Workers


@dataclass(frozen=True, slots=True)
class Facts:
    """What a reason is drawn from. ``holder`` is the pid that keeps the store's write lock.

    ``full`` says that the store's disk has no space left; ``reacts`` is what it reacts to, if it is a
    reaction.
    """

    run: Run
    now: int
    workers: Workers
    holder: int | None
    doing: Sequence[Doing] = ()
    waits: Sequence[Awaited] = ()
    undone: int = 0
    to_undo: int = 0
    error: Trouble | None = None
    full: bool = False
    reacts: Reacts | None = None

    @property
    def owner(self) -> WorkerView | None:
        """The worker that has claimed the run."""
        return self.workers.views.get(self.run.session) if self.run.session is not None else None

    @property
    def due(self) -> bool:
        """Whether a worker should claim it now."""
        return self.run.session is None and self.run.due_at is not None and self.run.due_at <= self.now


def why(facts: Facts) -> Why:
    """Return the reason that binds."""
    return whys(facts)[0]


def whys(facts: Facts) -> tuple[Why, ...]:
    """Return all reasons that hold, the one that binds first.

    Of what is due: first that nobody can write, then what its worker lacks. Of what is not: what it waits
    for, since nothing else could move it now; then what would hold it as soon as that is there.
    """
    run = facts.run
    if run.status.ended:
        return (_ended(facts),)
    closed = shut(facts.full, facts.holder, facts.workers)
    if run.session is not None:
        found = [closed, _owner_lost(facts) or _running(facts)]
    elif facts.due:
        found = [closed, _nobody(facts) or _claimable(facts)]
    else:
        own = _own(facts)
        found = [closed, own] if own.kind in _FOR_A_PERSON else [own, closed]
        found.append(None if own.kind is Reason.NOTHING else _nobody_then(facts))
    return tuple(each for each in found if each is not None)


_FOR_A_PERSON = (Reason.DEAD_LETTER, Reason.SCHEMA_REFUSED, Reason.PARKED, Reason.PERSON)
"""What a person has to answer: and that cannot be written either where nothing can."""


def _own(facts: Facts) -> Why:
    """Say what a run waits for that is not due."""
    run, reacts = facts.run, facts.reacts
    if run.reason == DEAD_LETTER and reacts is not None and reacts.letter is not None:
        return Why(kind_of_letter(reacts.letter), _dead_letter(facts.now, reacts.letter))
    if run.parked:
        return Why(Reason.PARKED, _parked(facts))
    if reacts is not None and reacts.ahead is not None:
        return Why(Reason.BLOCKED, f"blocked behind key {reacts.key!r}: {reacts.ahead} is before it")
    return _open_circuit(facts) or _in_time(facts)


def _in_time(facts: Facts) -> Why:
    if facts.run.status is Status.PENDING and not facts.waits:
        if facts.reacts is not None and facts.reacts.ordered:
            text = f"waits for an earlier event of key {facts.reacts.key!r}"
            return Why(Reason.EARLIER, f"{text}; goes on without it{_when(facts, facts.run.due_at)}")
        return Why(Reason.NOT_YET_DUE, f"not yet due{_when(facts, facts.run.due_at)}")
    return _waiting(facts)


def _open_circuit(facts: Facts) -> Why | None:
    """Say that its handler is left alone for a while, where that is what keeps it from its next attempt."""
    until = None if facts.reacts is None else facts.reacts.open_until
    retries = any(wait.kind in ("retry", "held") for wait in facts.waits)
    if until is None or until <= facts.now or not retries:
        return None
    retry = next((wait for wait in facts.waits if wait.kind == "retry"), None)
    after = f", after {without_module(retry.detail)}" if retry is not None and retry.detail else ""
    return Why(
        Reason.CIRCUIT_OPEN, f"its handler's circuit is open for another {length(until - facts.now)}{after}"
    )


# -- ended


def _ended(facts: Facts) -> Why:
    kind = Reason(facts.run.status.value)
    said = [facts.run.status.value]
    if facts.run.reason:
        said.append(f"({facts.run.reason})")
    if kind is Reason.FAILED and facts.error is not None:
        said.append(f"with {facts.error.brief}")
    return Why(kind, " ".join(said))


# -- what should move, and whether it can


def shut(full: bool, holder: int | None, workers: Workers) -> Why | None:
    """Say what keeps everybody from writing: nothing else matters then."""
    if full:
        return Why(Reason.STORE_FULL, "no space is left on the disk of the store: commits wait for some")
    if holder is None:
        return None
    who = next((f", {view.program}" for view in workers.views.values() if view.pid == holder), "")
    return Why(Reason.STORE_HELD, f"the store is held by pid {holder}{who}: nobody else can write")


def _owner_lost(facts: Facts) -> Why | None:
    owner = facts.owner
    if owner is not None and owner.state == "live":
        return None
    if owner is not None and owner.state == "wedged":
        text = f"the loop of worker {owner.name} has stood still for {_seconds(owner.seconds)}"
        return Why(Reason.WEDGED, f"{text}: none of its runs moves")
    if owner is None:
        lost = "its worker was judged dead"
    elif owner.state == "gone":
        lost = f"its worker, {owner.name}, is gone"
    else:
        lost = f"the lease of its worker, {owner.name}, ran out {_seconds(owner.seconds)} ago"
    able = facts.workers.able(facts.run.workflow, facts.run.version)
    heir = f"worker {able[0].name} takes over" if able else "no live worker has its code"
    return Why(Reason.NO_WORKER, f"{lost}; {heir}")


def _nobody(facts: Facts) -> Why | None:
    lacking = _lacking(facts)
    if lacking is None:
        return None
    return Why(lacking.kind, f"due {_ago(facts.now, facts.run.due_at)}, and {lacking.text}")


def _nobody_then(facts: Facts) -> Why | None:
    lacking = _lacking(facts)
    return None if lacking is None else Why(lacking.kind, f"{lacking.text}, for when it goes on")


def _lacking(facts: Facts) -> Why | None:
    """Say what workers lack for it to go on."""
    run, workers = facts.run, facts.workers
    able = workers.able(run.workflow, run.version)
    if not workers.alive:
        return Why(Reason.NO_WORKER, "no worker is alive")
    if not able:
        others = workers.versions(run.workflow)
        has = f"version {', '.join(others)} only" if others else "none of its versions"
        count = len(workers.alive)
        who = f"worker {workers.alive[0].name} has" if count == 1 else f"the {count} live workers have"
        event = read_by(run.version)
        if event is not None:
            return Why(Reason.LACKS_CODE, f"no live worker of {run.workflow} reads {event}")
        return Why(Reason.LACKS_CODE, f"{who} not {run.workflow} v{run.version} ({has})")
    if all(view.state == "wedged" for view in able):
        stood = f"has stood still for {_seconds(able[0].seconds)}"
        return Why(Reason.WEDGED, f"the loop of worker {able[0].name} {stood}")
    return None


def _claimable(facts: Facts) -> Why:
    able = facts.workers.able(facts.run.workflow, facts.run.version)
    late = facts.now - (facts.run.due_at or facts.now) >= SECOND
    claim = "but its slots are full, or it serves another queue" if late else "and is about to claim it"
    return Why(
        Reason.DUE, f"due {_ago(facts.now, facts.run.due_at)}; worker {able[0].name} has its code, {claim}"
    )


# -- what runs


def _running(facts: Facts) -> Why:
    owner = facts.owner
    on = f" on worker {owner.name}" if owner is not None else ""
    kind, text = Reason.RUNNING, f"running{on}"
    if facts.doing:
        first = facts.doing[0]
        since = length(max(0, facts.now - from_datetime(first.began_at)))
        kind = Reason.STEP_RUNNING
        text = f"{first.step} has been running{on} for {since}{first.ordinal}"
        if len(facts.doing) > 1:
            text += f" (and {len(facts.doing) - 1} more)"
    if facts.run.reason == COMPENSATING:
        return Why(Reason.COMPENSATING, f"{_progress(facts)}; {text}")
    return Why(kind, text)


def _progress(facts: Facts) -> str:
    if not facts.to_undo:
        return "compensating"
    return f"compensating: {facts.undone} of {facts.to_undo} undone"


# -- what waits

_FIRST = ("person", "retry", "pressure", "signal", "child", "timer")


def _waiting(facts: Facts) -> Why:
    waits = sorted(facts.waits, key=lambda wait: _FIRST.index(wait.kind) if wait.kind in _FIRST else 9)
    if not waits:
        if facts.run.due_at is not None:
            return Why(Reason.NOT_YET_DUE, f"waits{_when(facts, facts.run.due_at)}")
        return Why(Reason.NOTHING, "waits for nothing that can come: no signal, timer, step or child")
    joined = event_names(waits) if facts.reacts is not None and facts.reacts.joins else []
    if joined:
        return Why(Reason.JOIN, f"waits for a join: {', '.join(joined)} of its key is not there yet")
    first = waits[0]
    kind, text = _wait(facts, first)
    if len(waits) > 1:
        text += f" (and {_others(waits[1:])})"
    if facts.run.reason == COMPENSATING:
        return Why(Reason.COMPENSATING, f"{_progress(facts)}; {text}")
    return Why(kind, text)


def _wait(facts: Facts, wait: Awaited) -> tuple[Reason, str]:
    due = None if wait.due_at is None else from_datetime(wait.due_at)
    match wait.kind:
        case "person":
            return Reason.PERSON, f"waits for a person: {wait.name}"
        case "retry":
            after = f", after {without_module(wait.detail)}" if wait.detail else ""
            return (
                Reason.RETRY,
                f"{wait.name}: attempt {_of(wait.attempt, wait.of)}{_when(facts, due)}{after}",
            )
        case "pressure":
            return (
                Reason.PRESSURE,
                f"waits with event {wait.name}, which a service that takes it is too far behind for{_when(facts, due)}",
            )
        case "signal" if names := event_names([wait]):
            return Reason.EVENT, f"waits for event {' or '.join(names)}"
        case "signal":
            return Reason.SIGNAL, f"waits for signal {wait.name}"
        case "child":
            stands = f", which {_clause(wait.run.why.text)}" if wait.run is not None else ""
            return Reason.CHILD, f"waits for child run {wait.detail}{stands}"
        case "timer" if facts.reacts is not None and facts.reacts.ordered:
            text = f"waits for an earlier event of key {facts.reacts.key!r}; looks again{_when(facts, due)}"
            return Reason.EARLIER, text
        case _:
            return Reason.TIMER, f"waits for a timer{_when(facts, due)}"


def _clause(text: str) -> str:
    return (
        text
        if text.startswith("waits")
        else f"is {text}"
        if text.startswith(("running", "due"))
        else f"stands: {text}"
    )


def _others(waits: Sequence[Awaited]) -> str:
    kinds: dict[str, int] = {}
    for wait in waits:
        kinds[wait.kind] = kinds.get(wait.kind, 0) + 1
    return ", ".join(kind if count == 1 else f"{count} {kind}s" for kind, count in kinds.items())


def _dead_letter(now: int, letter: DeadLetterRow) -> str:
    many = "1 attempt" if letter.attempts == 1 else f"{letter.attempts} attempts"
    text = f"dead letter {letter.number} since {length(max(0, now - letter.changed_at))}, after {many}"
    return f"{text}: {without_module(letter.error)}"


def kind_of_letter(letter: DeadLetterRow) -> Reason:
    """Tell whether a handler failed, or its class could not even read the event."""
    return Reason.SCHEMA_REFUSED if letter.cause.split(" ")[0] in _UNREADABLE else Reason.DEAD_LETTER


_UNREADABLE = (NotDecodable.__name__, NoConverter.__name__)


def _parked(facts: Facts) -> str:
    reason = facts.run.reason or ""
    error = f": {facts.error.message.splitlines()[0]}" if facts.error and facts.error.message else ""
    match reason:
        case _ if reason == DIVERGED:
            return f"parked, since its journal and the code disagree{error}"
        case _ if reason == KILLS_ITS_WORKER:
            return f"parked: {facts.run.crashes} workers in a row died while they ran it"
        case _ if reason == COMPENSATION_FAILED:
            left = ", ".join(wait.name for wait in facts.waits if wait.kind == "person")
            return f"parked: compensation failed for {left}" if left else reason
        case _:
            return f"{reason}{error}"


# -- words


def _of(attempt: int, of: int) -> str:
    return f"{attempt} of {of}" if of else str(attempt)


def _when(facts: Facts, due: int | None) -> str:
    if due is None:
        return ""
    return f", in {length(due - facts.now)}" if due > facts.now else f", due {_ago(facts.now, due)}"


def _ago(now: int, then: int | None) -> str:
    ago = max(0, now - (then if then is not None else now))
    return f"{length(ago)} ago" if ago >= SECOND else "now"


def _seconds(seconds: float) -> str:
    return length(int(seconds * SECOND))
