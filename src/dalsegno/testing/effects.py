"""The ledger of side effects: what the world outside a simulation got to see, whoever crashed.

A step's body calls ``perform``; the ledger notes under which idempotency key, by whom and when. It
outlives every simulated process, as a payment service does.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import msgspec

from dalsegno.core.canonical import encode_args
from dalsegno.engine.context import step_info


class Effect(msgspec.Struct, frozen=True):
    """Something done to the world: by which attempt of which step, in whose life, and when."""

    key: str
    run_id: str
    step: str
    attempt: int
    input: bytes
    by: str
    at: int


class Ledger:
    """All effects of one simulated world, in their order; ``heard`` is told of each as it happens."""

    def __init__(self, now: Callable[[], int], who: Callable[[], str]) -> None:
        self.effects: list[Effect] = []
        self.heard: Callable[[Effect], None] | None = None
        self._now = now
        self._who = who

    @contextmanager
    def open(self) -> Generator[None]:
        """Let ``perform`` write into this ledger, in everything that is begun meanwhile."""
        token = _ledger.set(self)
        try:
            yield
        finally:
            _ledger.reset(token)

    def note(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Effect:
        """Write down an effect of the step that runs here."""
        info = step_info()
        effect = Effect(
            info.idempotency_key,
            info.run_id,
            info.step,
            info.attempt,
            encode_args(args, kwargs, "effect"),
            self._who(),
            self._now(),
        )
        self.effects.append(effect)
        if self.heard is not None:
            self.heard(effect)
        return effect

    def keys(self, step: str | None = None, run_id: str | None = None) -> list[str]:
        """Return the distinct idempotency keys, in the order in which they were first seen."""
        return list(
            dict.fromkeys(
                effect.key
                for effect in self.effects
                if step in (None, effect.step) and run_id in (None, effect.run_id)
            )
        )


_ledger: contextvars.ContextVar[Ledger | None] = contextvars.ContextVar("dalsegno_ledger", default=None)


def perform(*args: Any, **kwargs: Any) -> None:
    """Do something to the simulated world, from a step's body; nothing where there is none."""
    ledger = _ledger.get()
    if ledger is not None:
        ledger.note(args, kwargs)
