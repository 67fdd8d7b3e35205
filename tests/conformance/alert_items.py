"""Items about alerts, drawn at random: for the machine that writes them to both stores."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from dalsegno.core.alerts import Seen, Tally, Tell, Told, Watch
from dalsegno.core.event import NewEvent
from dalsegno.core.writes import Write
from dalsegno.store.protocol import Store
from tests.conformance.drawing import Drawing

RULES, SUBJECTS, WATCHERS = ("lag", "parked"), ("till", "stöck"), (1, 2)


class AlertItems(Drawing):
    """Draws them."""

    def event(self) -> NewEvent:
        raise NotImplementedError

    def alert_items(self) -> list[Callable[[], Write]]:
        return [self.watch, self.seen, self.seen, self.seen, self.tell, self.tally]

    def watch(self) -> Watch:
        pick = self.rng.choice
        return Watch("default", pick(RULES), pick(WATCHERS), pick([0, 50, 1_000]))

    def seen(self) -> Seen:
        pick = self.rng.choice
        began, ended = (self.event() if self.chance(3) else None for _ in range(2))
        return Seen(
            "default",
            pick(RULES),
            pick(SUBJECTS),
            pick(WATCHERS),
            holds=self.chance(2),
            text=pick(["", "zwölf"]),
            value=pick([0.5, 3.0]),
            calm=pick([0, 0, 7]),
            began=began,
            ended=ended,
        )

    def tell(self) -> Tell:
        rows = self.runner.run(self.memory.store.alerts("default"))
        numbers = [row.number for row in rows if row.told is not Told.ENDED] or [1]
        return Tell(self.rng.choice(numbers), self.rng.choice([Told.BEGAN, Told.ENDED]))

    def tally(self) -> Tally:
        pick, number = self.rng.choice, self.rng.randint
        counts = {pick(["ended", "failed"]): number(0, 9) for _ in range(number(0, 2))}
        said = tuple((name, "order", count) for name, count in counts.items())
        return Tally(pick(["default", "other"]), pick(WATCHERS), number(1, 4), said, pick([0, 0, 2]))

    def alert_reads(self) -> list[Callable[[Store], Awaitable[Any]]]:
        """Draw questions to ask both stores."""
        rule, minute, limit = self.rng.choice(RULES), self.rng.randrange(4), self.rng.choice([1, 100])
        return [
            lambda store: store.open_alerts("default"),
            lambda store: store.untold_alerts("default", rule),
            lambda store: store.alerts("default", limit),
            lambda store: store.tallies("default", minute),
        ]
