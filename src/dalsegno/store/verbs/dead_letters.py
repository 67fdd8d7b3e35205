"""Dead letters: what nobody could digest, kept until a person acts."""

from __future__ import annotations

from dalsegno.core.commit import Commit, DeadLetter
from dalsegno.core.runs import Status
from dalsegno.store.verbs.group import Group, Verb
from dalsegno.store.verbs.services import leave_lane


def follow(item: Commit, group: Group) -> Verb:
    """Follow what a commit of a run that came of an event means for its key, and for its dead letter."""
    if item.dead is not None:
        yield from _bury(item.run, item.dead, group)
    rest = item.rest
    if rest is None:
        return
    if rest.status.ended:
        state = "resolved" if rest.status is Status.COMPLETED else "discarded"
        yield "close_dead_letter", (item.run, state, group.wall)
        yield "end_round", (item.run,)
    if rest.status.ended or (item.dead is not None and item.dead.goes_on):
        yield from leave_lane(item.run, group)


def _bury(run: int, dead: DeadLetter, group: Group) -> Verb:
    what = (dead.service, dead.handler, dead.event, dead.key, dead.cause, dead.error, dead.attempts)
    yield "bury", (run, *what, group.wall)
