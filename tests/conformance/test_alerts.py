"""Memory and SQLite, told the same of alerts, answer alike and hold the same rows."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any, TypeAlias

from dalsegno.core.alerts import Seen, Tally, Tell, Told, Watch
from dalsegno.core.commit import Done, Refused
from dalsegno.core.event import NewEvent
from dalsegno.store.memory import MemoryStore
from dalsegno.store.sqlite import SqliteStore
from dalsegno.testing.conformance import SetClock
from tests.helpers.counts import Count

AlertItem: TypeAlias = Watch | Seen | Tell | Tally

RULES, SUBJECTS, WATCHERS = ("lag", "parked"), ("till", "stöck"), (1, 2)


class Draw:
    """Draws items about alerts."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.pick = self.rng.choice

    def item(self) -> AlertItem:
        return self.pick([self.watch, self.seen, self.seen, self.seen, self.tell, self.tally])()

    def watch(self) -> Watch:
        return Watch("default", self.pick(RULES), self.pick(WATCHERS), self.pick([0, 50, 1_000]))

    def seen(self) -> Seen:
        began, ended = (self.pick([None, NewEvent(type=each, key="k-1")]) for each in ("Began", "Ended"))
        return Seen(
            "default",
            self.pick(RULES),
            self.pick(SUBJECTS),
            self.pick(WATCHERS),
            holds=self.pick([True, False]),
            text=self.pick(["", "zwölf"]),
            value=self.pick([0.5, 3.0]),
            calm=self.pick([0, 0, 7]),
            began=began,
            ended=ended,
        )

    def tell(self) -> Tell:
        return Tell(self.rng.randint(1, 4), self.pick([Told.BEGAN, Told.ENDED]))

    def tally(self) -> Tally:
        counts = {
            self.pick(["ended", "failed"]): self.rng.randint(0, 9) for _ in range(self.rng.randint(0, 2))
        }
        said = tuple((name, "order", count) for name, count in counts.items())
        return Tally(
            self.pick(["default", "other"]),
            self.pick(WATCHERS),
            self.rng.randint(1, 4),
            said,
            self.pick([0, 2]),
        )


async def _rows(store: Any) -> list[object]:
    rows: list[object] = [await store.read_log(0, 10_000)]
    for namespace in ("default", "other"):
        rows += [await store.alerts(namespace), await store.open_alerts(namespace)]
        rows += [await store.tallies(namespace, minute) for minute in (0, 3)]
        rows += [await store.untold_alerts(namespace, rule) for rule in RULES]
    return rows


async def _play(seed: int, path: Path, answered: Counter[str]) -> None:
    draw, clock = Draw(seed), SetClock()
    memory, sqlite = MemoryStore(clock), SqliteStore(str(path), clock, threaded=False)
    await sqlite.open()
    try:
        for _ in range(60):
            group = [draw.item() for _ in range(draw.rng.randint(1, 4))]
            one, other = await memory.write(group), await sqlite.write(group)
            assert one == other, (seed, group)
            for item, verdict in zip(group, one, strict=True):
                well = isinstance(verdict, Done) and verdict.count > 0
                answered[f"{type(item).__name__} {'done' if well else verdict}"] += 1
            assert await _rows(memory) == await _rows(sqlite), (seed, group)
            clock.advance(draw.pick([0, 1, 7, 60]))
    finally:
        await sqlite.close()


async def _play_all(seeds: range, folder: Path) -> Counter[str]:
    answered: Counter[str] = Counter()
    for seed in seeds:
        await _play(seed, folder / f"{seed}.db", answered)
    return answered


def test_memory_and_sqlite_hold_the_same_alerts_whatever_is_seen_of_them(
    tmp_path: Path, count: Count
) -> None:
    answered = asyncio.run(_play_all(range(12), tmp_path))
    count("writes compared", answered.total())
    wanted = {f"{name} done" for name in ("Watch", "Seen", "Tell", "Tally")}
    assert wanted | {f"Seen {Refused.STALE}", f"Watch {Done(0)}", f"Tell {Done(0)}"} <= answered.keys()
