"""Looks after rules while a worker's session lasts.

Of all workers that have a rule, one looks after it at a time: it takes the watch for a few rounds, and
another one takes over when it is not renewed. What it sees is a row of the store, so an alert begins
once and ends once, whoever dies meanwhile. Functions and webhooks are told at least once, with an id by
which a repetition is known; an event is on the log with the very commit that begins or ends the alert.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence

from dalsegno.core.alerts import AlertRow, Seen, Tally, Tell, Told, Watch
from dalsegno.core.clock import MINUTE, SECOND, nap
from dalsegno.core.commit import Done, Rest
from dalsegno.core.event import NewEvent
from dalsegno.core.notes import LongAttempt
from dalsegno.core.runs import COMPENSATED, Run, Status
from dalsegno.engine.commits import CommitQueue
from dalsegno.errors import StoreError
from dalsegno.insight.alerts.checks import ENDED, FAILED, UNDONE, Holding, check
from dalsegno.insight.alerts.news import News, news_of
from dalsegno.insight.alerts.rules import Alert, Target
from dalsegno.insight.alerts.telling import tell
from dalsegno.insight.render import to_json
from dalsegno.store.protocol import Store

log = logging.getLogger("dalsegno.alerts")

BEGAN_EVENT, ENDED_EVENT = "dalsegno.alert.began", "dalsegno.alert.ended"
_ROUNDS = 4  # that a watch is taken for
_SHORTEST_WATCH = 2 * SECOND
_KEPT = 24 * 60  # minutes for which counts are kept, or twice as long as a rule looks back


class Watching:
    """A companion of one worker: counts the runs that end in it, and looks after rules."""

    def __init__(self, rules: Sequence[Alert], store: Store, commits: CommitQueue, namespace: str) -> None:
        self._rules = rules
        self._store = store
        self._commits = commits
        self._namespace = namespace
        self._session = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._counts: dict[int, Counter[tuple[str, str]]] = {}  # by minute: of name and workflow
        self._counting = any(rule.is_rate for rule in rules)
        back = max((rule.within for rule in rules), default=0)
        self._keep = max(_KEPT, 2 * back // MINUTE)
        self._reached: dict[
            tuple[int, Told], set[int]
        ] = {}  # those of a rule's targets who were told already

    # -- what the worker tells it

    @property
    def busy(self) -> bool:
        """Nobody has to wait for it: what it leaves undone, another one does."""
        return False

    def begin(self, session: int) -> None:
        """Begin to look in a new session."""
        self._session = session
        loop = asyncio.get_running_loop()
        works = [self._look_after(rule, session) for rule in self._rules]
        if self._counting:
            works.append(self._tell_counts(session))
        self._tasks = [loop.create_task(work, name="dalsegno-alerts") for work in works]

    def drop(self) -> None:
        """Look no more: the session is over."""
        self._session = 0
        for task in self._tasks:
            task.cancel()
        self._tasks = []

    def stop(self) -> None:
        """Begin nothing more."""

    def long_attempts(self) -> tuple[LongAttempt, ...]:
        """Nothing that anybody waits for."""
        return ()

    def nudge(self) -> None:
        """Hear that there are new events."""

    def rested(self, run: Run, rest: Rest) -> None:
        """Hear that a run has come to rest."""
        if self._counting and rest.status.ended:
            counts = self._counts.setdefault(self._store.now() // MINUTE, Counter())
            counts[ENDED, run.workflow] += 1
            if rest.status is Status.FAILED:
                counts[FAILED, run.workflow] += 1
            if rest.reason == COMPENSATED:
                counts[UNDONE, run.workflow] += 1

    # -- counting

    async def _tell_counts(self, session: int) -> None:
        pause = min(rule.every for rule in self._rules if rule.is_rate) / SECOND
        while self._session == session:
            await nap(pause)
            try:
                await self._put_counts(session)
            except StoreError as error:
                log.warning("counts of runs that ended wait: %s", error.what)

    async def _put_counts(self, session: int) -> None:
        """Write what was counted; of a minute that is over, for the last time."""
        now = self._store.now() // MINUTE
        for minute, counts in sorted(self._counts.items()):
            said = tuple((name, workflow, count) for (name, workflow), count in sorted(counts.items()))
            await self._commits.submit(Tally(self._namespace, session, minute, said, now - self._keep))
            if minute < now and self._counts[minute].total() == counts.total():
                del self._counts[minute]

    # -- looking

    async def _look_after(self, rule: Alert, session: int) -> None:
        pause = rule.every / SECOND
        while self._session == session:
            try:
                if await self._is_ours(rule, session):
                    await self.look(rule, session)
            except StoreError as error:
                log.warning("alert %s waits: %s", rule.name, error.what)
            except Exception:  # ended in silence, this would look like health
                log.exception("alert %s could not be looked after; it is tried again", rule.name)
            await nap(pause)

    async def _is_ours(self, rule: Alert, session: int) -> bool:
        lease = max(_ROUNDS * rule.every, _SHORTEST_WATCH)
        verdict = await self._commits.submit(Watch(self._namespace, rule.name, session, lease))
        return isinstance(verdict, Done) and verdict.count == 1

    async def look(self, rule: Alert, session: int) -> None:
        """See whether a rule holds, write what began and what ended, and tell it."""
        holding = await check(rule, self._store, self._namespace)
        known = {
            row.subject: row
            for row in await self._store.open_alerts(self._namespace)
            if row.rule == rule.name
        }
        for one in holding:
            await self._commits.submit(self._seen(rule, session, one))
        for subject in known.keys() - {one.subject for one in holding}:
            await self._commits.submit(self._unseen(rule, session, known[subject]))
        for row in await self._store.untold_alerts(self._namespace, rule.name):
            await self._tell(rule, row)

    def _seen(self, rule: Alert, session: int, one: Holding) -> Seen:
        began = None
        if rule.logs:
            began = self._event(BEGAN_EVENT, rule, one.subject, one.text, one.value)
        return Seen(
            self._namespace, rule.name, one.subject, session, True, one.text, one.value, rule.calm, began
        )

    def _unseen(self, rule: Alert, session: int, row: AlertRow) -> Seen:
        ended = None
        if rule.logs:
            ended = self._event(ENDED_EVENT, rule, row.subject, row.text, row.value)
        return Seen(self._namespace, rule.name, row.subject, session, False, calm=rule.calm, ended=ended)

    def _event(self, type_: str, rule: Alert, subject: str, text: str, value: float) -> NewEvent:
        said = {"rule": rule.name, "on": rule.on, "subject": subject, "text": text, "value": value}
        return NewEvent(
            type=type_,
            namespace=self._namespace,
            source="dalsegno.alerts",
            key=f"{rule.name}/{subject}",
            data=to_json(said).encode(),
        )

    # -- telling

    async def _tell(self, rule: Alert, row: AlertRow) -> None:
        """Tell what is owed of an alert: that it began, and another time that it ended."""
        owed = row.owed
        if owed is Told.NOTHING:
            return
        news = news_of(row, rule.on, owed)
        reached = self._reached.setdefault((row.number, owed), set())
        if not reached:
            log.warning("alert %s %s: %s: %s", rule.name, news.state, row.subject, row.text)
        for place, target in enumerate(rule.to):
            if place not in reached and await self._reach(rule, target, news):
                reached.add(place)
        if len(reached) == len(rule.to):
            await self._commits.submit(Tell(row.number, owed))
            del self._reached[row.number, owed]

    async def _reach(self, rule: Alert, target: Target, news: News) -> bool:
        try:
            await tell(target, news)
        except Exception as error:  # a teller's trouble is its own; it is tried again
            log.warning("alert %s could not be told to %s: %r; it is tried again", rule.name, target, error)
            return False
        return True
