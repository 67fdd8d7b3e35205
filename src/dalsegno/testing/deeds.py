"""What a play did to the world, as the world saw it: each effect once for each time it happened.

An effect is a call that the body of a step or a handler makes of a ``Service``, or, where it calls none,
the body itself. A call under an idempotency key that its far side has seen is answered from memory: it
is no second effect. An effect that happened twice, because nobody gave a key, is what ``repeats`` finds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from dalsegno.core.clock import to_datetime
from dalsegno.engine.context import StepInfo
from dalsegno.testing.simloop import Host


@dataclass(frozen=True, slots=True)
class Effect:
    """Something that happened to the world.

    ``name`` is ``service.method``, or the step's name where its body calls no service. ``key`` is the
    idempotency key under which the far side knows it, None where it was given none. ``step``,
    ``run_id`` and ``attempt`` say who did it, ``at`` when, in virtual time.
    """

    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    answer: Any
    key: Hashable | None
    run_id: str
    step: str
    attempt: int
    at: datetime


class Repeat(NamedTuple):
    """An effect that happened more than once where the workflow asked for it once."""

    name: str
    run_id: str
    step: str
    times: int
    kind: str = "step"


class WatchedInfo(StepInfo, frozen=True, gc=False):
    """What a step's body learns of itself; that it asked for its idempotency key is noted."""

    def __getattribute__(self, name: str) -> Any:
        if name == "idempotency_key":
            doing = under_way.get()
            if doing is not None:
                doing.asked_for_key = True
        return super().__getattribute__(name)


@dataclass(slots=True)
class Doing:
    """A body under way, a step's or a handler's: whose it is, where it runs, and what it has called so far.

    ``fails`` is how many attempts of it fail at most where it is made to; None for all of them.
    """

    key: str
    run_id: str
    step: str
    attempt: int
    host: Host
    calls: Counter[str] = field(default_factory=Counter)
    asked_for_key: bool = False
    kind: str = "step"
    fails: int | None = None


under_way: ContextVar[Doing | None] = ContextVar("dalsegno_doing", default=None)


class Deeds:
    """The effects of one play, in their order."""

    def __init__(self, now: Callable[[], int]) -> None:
        self.effects: list[Effect] = []
        self._now = now
        self._answers: dict[Hashable, Any] = {}
        self._times: Counter[tuple[str, str, int]] = Counter()
        self._who: dict[tuple[str, str, int], Repeat] = {}

    def answered(self, name: str, key: Hashable | None) -> tuple[bool, Any]:
        """Whether the far side knows this key, and what it answered then."""
        known = key is not None and (name, key) in self._answers
        return known, self._answers[name, key] if known else None

    def note(
        self,
        doing: Doing,
        name: str,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        answer: Any,
        key: Hashable | None,
    ) -> None:
        """Write down that something happened; under a key that is known, nothing did."""
        if key is not None:
            if (name, key) in self._answers:
                return
            self._answers[name, key] = answer
        at = to_datetime(self._now())
        effect = Effect(name, args, kwargs, answer, key, doing.run_id, doing.step, doing.attempt, at)
        self.effects.append(effect)
        if doing.kind == "handler" and not doing.calls:
            return  # most only say what follows; what they do to the world, a far side sees
        which = (doing.key, name, doing.calls[name])
        self._times[which] += 1
        self._who[which] = Repeat(name, doing.run_id, doing.step, self._times[which], doing.kind)

    def body_done(self, doing: Doing, args: tuple[Any, ...], kwargs: dict[str, Any], answer: Any) -> None:
        """Note a body that came to its end; it is an effect itself if it called no service."""
        if not doing.calls:
            key = doing.key if doing.asked_for_key else None
            self.note(doing, doing.step, args, kwargs, answer, key)

    def repeats(self) -> list[Repeat]:
        """What happened more than once where it was asked for once."""
        return [repeat for repeat in self._who.values() if repeat.times > 1]
