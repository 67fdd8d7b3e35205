"""Handlers whose rows are in the store's own database: one transaction has the rows and the reaction."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from msgspec.structs import replace

from dalsegno.core.reactions import React
from dalsegno.core.sourcing import Conflict
from dalsegno.core.transact import OpenTx, RolledBack, Transact, bound_of
from dalsegno.engine.outgoing import version_conflict
from dalsegno.events.one_call import Ended
from dalsegno.events.plan import Plan
from dalsegno.events.work import Work, reaction_of


class NotYet(Exception):  # says what happened
    """It is not the event's turn: nothing is written, and its reaction goes on as a run."""


class Alone(msgspec.Struct):
    """A handler that waits for its transaction: ``body`` runs in it, ``told`` hears how that ended."""

    work: Work
    plan: Plan
    body: Callable[[OpenTx], Ended]
    told: Callable[[Ended], None]
    how: Ended = msgspec.field(default_factory=Ended)

    def transact(self, react: React) -> Transact:
        """Make the transaction: the handler's rows, and what it says with all that ended meanwhile."""

        def work(tx: OpenTx) -> React:
            self.how = self.body(tx)
            if self.how.early:
                raise NotYet
            self.how.written = True
            return self._with_reaction(react)

        title, event = self.plan.title, self.work.event.number
        bound = bound_of(self.plan.handler.options.timeout)
        return Transact(work, f"handler {title} for event {event}", react.session, bound)

    def rolled_back(self, verdict: RolledBack | Conflict) -> Ended:
        """Say how it has ended, when nothing of it was written."""
        error = version_conflict(verdict) if isinstance(verdict, Conflict) else verdict.error
        return self.how if isinstance(error, NotYet) else Ended(error)

    def _with_reaction(self, react: React) -> React:
        how = self.how
        reaction = reaction_of(self.work, self.plan, how)
        return replace(
            react,
            reactions=(*react.reactions, reaction),
            events=(*react.events, *how.events),
            kept=(*react.kept, *how.kept),
            expects=(*react.expects, *how.expects),
        )
