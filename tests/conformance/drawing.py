"""What all random items are drawn by: a generator, and what the store in memory holds at the time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from random import Random

from dalsegno.core.runs import Run
from dalsegno.store.cases import CaseQuery
from dalsegno.store.protocol import RunQuery
from dalsegno.testing.conformance import SetClock, World

_AGE = 12  # events, after which cases of other names begin


class Drawing:
    """Draws from what there is: mostly of what came last, which still moves."""

    rng: Random
    runner: asyncio.Runner
    clock: SetClock
    memory: World
    numbers: Iterator[int]
    sessions: dict[int, int]  # and how many commits each has counted

    def chance(self, one_in: int) -> bool:
        return self.rng.randrange(one_in) == 0

    def some_session(self) -> int:
        """Mostly one that lives."""
        there = self.runner.run(self.memory.store.sessions())
        return self.rng.choice([session.number for session in there] * 4 + sorted(self.sessions))

    def runs(self) -> list[Run]:
        queries = [RunQuery(namespace=each, limit=1_000) for each in ("default", "other")]
        return [run for query in queries for run in self.runner.run(self.memory.store.runs(query))]

    def some_run(self) -> int | None:
        numbers = sorted(run.number for run in self.runs())
        return self.rng.choice([*numbers[-6:] * 3, *numbers]) if numbers else None

    def owned(self) -> list[Run]:
        return [run for run in self.runs() if run.session is not None]

    def some_event(self) -> int:
        head = self.runner.run(self.memory.store.head())
        return self.rng.randint(max(1, head.last - 6), head.last + 1)

    def age(self) -> int:
        """Count how often the names of cases have changed: most of those that were there are over by then."""
        return self.runner.run(self.memory.store.head()).last // _AGE

    def some_case(self) -> str:
        """Draw the name of a case: of a few that come up at the time, or of one that is there."""
        number = self.age() + self.rng.randrange(3)
        there = self.runner.run(self.memory.store.cases(CaseQuery(limit=2)))
        return self.rng.choice([f"c-{number}", f"c-{number}", f"d-{number}", *(case.id for case in there)])
