"""What is counted of a store as a whole, asked at random: for the machine that asks both stores."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from dalsegno.store.protocol import Store
from tests.conformance.drawing import Drawing


class FigureQuestions(Drawing):
    """Draws them."""

    def figure_reads(self) -> list[Callable[[Store], Awaitable[Any]]]:
        """Draw questions to ask both stores."""
        namespace = self.rng.choice(["default", "default", "other"])
        before = self.clock.now() - self.rng.choice([-1, 0, 7, 100, 2_000])
        return [
            lambda store: store.at_work(namespace),
            lambda store: store.waiting(namespace),
            lambda store: store.stalled(namespace, before),
            lambda store: store.late_cases(namespace),
            lambda store: store.still_cases(namespace, before),
        ]
