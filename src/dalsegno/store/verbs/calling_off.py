"""A cancelled case: the event that cancels it calls its runs off, and so is what begins too late."""

from __future__ import annotations

from dalsegno.core.commit import Send, Start
from dalsegno.core.entries import Kind
from dalsegno.store.verbs.cases import Cancelling
from dalsegno.store.verbs.group import Group, Verb
from dalsegno.store.verbs.runs import send


def call_off(run: int, by: str) -> Send:
    """Make the delivery that ends a run which is to go no further."""
    return Send(Kind.CANCEL, run=run, id="cancel", source=by, release=True)


def cancel(case: Cancelling, group: Group) -> Verb:
    """Note that a case is cancelled, and tell its runs, but for those that undo and the one that says so.

    An attached child is not told: its parent decides about it.
    """
    rows = [(case.namespace, name, case.event, case.sender) for name in case.names]
    yield "cancel_case", rows
    speaker = yield from _eldest(case.run)
    for name in case.names:
        ((first, sender),) = yield "cancelled_by", (case.namespace, name)
        for (run,) in (yield "runs_to_call_off", (case.namespace, name, first)):
            if run != speaker:
                yield from send(call_off(run, sender), group)


def call_off_late(start: Start, group: Group) -> Verb:
    """Call a reaction off that becomes a run only now, when its case has been cancelled since its event."""
    if start.case_id is None or start.cause is None or start.undoes:
        return
    for number, sender in (yield "cancelled_by", (start.namespace, start.case_id)):
        if start.cause < number:
            yield from send(call_off(start.number, sender), group)


def _eldest(run: int | None) -> Verb:
    """Return the run that the others of a family are attached to."""
    while run is not None:
        rows = yield "read_keeper", (run,)
        if not rows:
            break
        run = rows[0][0]
    return run
