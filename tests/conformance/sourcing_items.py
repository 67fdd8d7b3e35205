"""Items about aggregates and read models, drawn at random: for the machine that writes them to both stores."""

from __future__ import annotations

from collections.abc import Callable

from dalsegno.core.sourcing import BUILDING, GONE, Clear, Expect, Project, Serve, Snapshot, Source
from dalsegno.core.writes import Write
from dalsegno.testing.conformance.world import KEYS
from tests.conformance.drawing import Drawing


class SourcingItems(Drawing):
    """Draws them; what the store in memory holds tells which of them may succeed."""

    def sourcing_items(self) -> list[Callable[[], Write]]:
        steps = [self.project, self.serve, self.clear]  # one of them leads to the next
        return [self.source, self.snapshot, *steps * 2]

    def expects(self) -> tuple[Expect, ...]:
        """Draw what a commit expects: mostly nothing, and then mostly what holds."""
        pick = self.rng.choice
        if not self.chance(4):
            return ()
        head = self.runner.run(self.memory.store.head())
        types = pick([("Placed",), ("Paid",), ("Placed", "Paid")])
        return (Expect(pick(KEYS), types, pick([head.last, head.last, head.last - 1, 0]), "Order"),)

    def source(self) -> Source:
        return Source(
            self.rng.choice(["default", "other"]), "Order", self.rng.choice([("Placed",), ("Paid",)])
        )

    def snapshot(self) -> Snapshot:
        pick = self.rng.choice
        last = self.runner.run(self.memory.store.head()).last
        version = pick([last, last, max(0, last - 1)])
        return Snapshot("default", "Order", pick(KEYS), version, 3, pick(["one", "two"]), b"{}")

    def project(self) -> Project:
        pick = self.rng.choice
        return Project("default", pick(["view", "board"]), pick([1, 1, 2, 3]), rebuild=self.chance(4))

    def serve(self) -> Serve:
        return Serve("default", *self.some_generation(BUILDING))

    def clear(self) -> Clear:
        return Clear("default", *self.some_generation(GONE), limit=self.rng.choice([1, 1_000]))

    def some_generation(self, state: str) -> tuple[str, int]:
        """Draw a generation of a read model: mostly one in this state."""
        rows = self.runner.run(self.memory.store.projections("default"))
        fitting = [(row.name, row.generation) for row in rows if row.state == state]
        return self.rng.choice([*fitting * 3, ("view", 1), ("board", 2)])
