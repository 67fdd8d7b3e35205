"""Dead letters: what nobody could digest, kept until a person acts."""

from __future__ import annotations

from collections import defaultdict

from msgspec.structs import replace

from dalsegno.core.commit import Commit, DeadLetter
from dalsegno.core.reactions import DeadLetterRow
from dalsegno.core.runs import Status
from dalsegno.store.log import DeadLetterGroup, DeadLetterQuery
from dalsegno.store.memory.services import ServiceVerbs


class DeadLetterVerbs(ServiceVerbs):
    """What a commit of a run that came of an event means; and what is read of dead letters."""

    def _follow_reaction(self, item: Commit) -> None:
        if item.dead is not None:
            self._bury(item.run, item.dead)
        if item.rest is None:
            return
        if item.rest.status.ended:
            self._rounds.pop(item.run, None)
            state = "resolved" if item.rest.status is Status.COMPLETED else "discarded"
            self._mark_dead_letter(item.run, state=state)
        if item.rest.status.ended or (item.dead is not None and item.dead.goes_on):
            self._leave_lane(item.run)

    def _bury(self, run: int, dead: DeadLetter) -> None:
        """Keep a dead letter; one that was redriven and fails again keeps its number."""
        before, now = self._dead_letters.get(run), self.now()
        row = before or DeadLetterRow(
            number=len(self._dead_letters) + 1,
            namespace=self._rows[run].run.namespace,
            run=run,
            service=dead.service,
            handler=dead.handler,
            event=dead.event,
            key=dead.key,
            cause="",
            error="",
            attempts=0,
            times=0,
            state="",
            at=now,
            changed_at=now,
            changed_by="",
        )
        self._dead_letters[run] = replace(
            row,
            cause=dead.cause,
            error=dead.error,
            attempts=dead.attempts,
            times=row.times + 1,
            state="open",
            changed_at=now,
        )

    # -- reading

    async def dead_letter(self, number: int) -> DeadLetterRow | None:
        return next((row for row in self._dead_letters.values() if row.number == number), None)

    async def dead_letter_of(self, run: int) -> DeadLetterRow | None:
        return self._dead_letters.get(run)

    async def dead_letters(self, query: DeadLetterQuery) -> list[DeadLetterRow]:
        found = [row for row in self._dead_letters.values() if _listed(row, query)]
        return sorted(found, key=lambda row: -row.number)[: query.limit]

    async def dead_letter_groups(self, namespace: str) -> list[DeadLetterGroup]:
        alike: defaultdict[tuple[str, int, int], list[DeadLetterRow]] = defaultdict(list)
        for row in self._dead_letters.values():
            if row.namespace == namespace and row.state == "open":
                alike[row.cause, row.service, row.handler].append(row)
        groups = [
            DeadLetterGroup(
                *what,
                count=len(rows),
                oldest=min(row.at for row in rows),
                newest=max(row.at for row in rows),
                example=(example := min(rows, key=lambda row: row.number)).number,
                error=example.error,
            )
            for what, rows in alike.items()
        ]
        return sorted(groups, key=lambda group: (-group.count, group.cause, group.service, group.handler))


def _listed(row: DeadLetterRow, query: DeadLetterQuery) -> bool:
    return (
        row.namespace == query.namespace
        and (query.state is None or row.state == query.state)
        and (query.service is None or row.service == query.service)
        and (query.handler is None or row.handler == query.handler)
        and (query.cause is None or row.cause == query.cause)
        and (query.begins is None or f"{row.cause} ".startswith(f"{query.begins} "))
        and (query.before is None or row.number < query.before)
    )
