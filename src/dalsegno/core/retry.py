"""When a failed attempt is tried again, and how long after: a policy as a value, asked by the engine."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import Any, TypeAlias

from dalsegno.core.clock import MILLISECOND
from dalsegno.core.durations import Duration, microseconds, text
from dalsegno.errors import DefinitionError, InvalidDuration

SHORTEST = 10 * MILLISECOND
"""The least delay between two attempts, whatever the policy says: retrying is never a hot loop."""

Errors: TypeAlias = type[BaseException] | tuple[type[BaseException], ...]
"""One exception class or several, as ``except`` takes them."""


@dataclass(frozen=True, slots=True)
class Retry:
    """How often, and after what delays, something that failed is tried again.

    ``attempts`` counts the first try; None goes on without limit. The delay after the first failure
    is ``first``, after each further one ``factor`` times longer, never longer than ``max`` and never
    shorter than 10 ms; ``jitter`` takes a random share of up to that fraction off it, so that many
    runs that failed together do not come back together. An error is retried if it is one of ``on``
    and none of ``non_retryable``.

    Raises DefinitionError where it is declared, not where something fails a week later.
    """

    attempts: int | None = 3
    first: Duration = "1s"
    factor: float = 2
    max: Duration = "1m"
    jitter: float = 0.1
    non_retryable: Errors = ()
    on: Errors = (Exception,)

    def __post_init__(self) -> None:
        if self.attempts is not None and (not _is_number(self.attempts, int) or self.attempts < 1):
            raise _refusal("attempts", self.attempts, "must be a whole number from 1 up, or None")
        if not _is_number(self.factor, int, float) or not 1 <= self.factor < math.inf:
            raise _refusal("factor", self.factor, "must be a finite number from 1 up")
        if not _is_number(self.jitter, int, float) or not 0 <= self.jitter <= 1:
            raise _refusal("jitter", self.jitter, "must be a fraction from 0 to 1")
        first, longest = _length("first", self.first), _length("max", self.max)
        if first > longest:
            raise _refusal("first", self.first, f"must not be longer than max, which is {text(longest)}")
        _check_errors("non_retryable", self.non_retryable)
        _check_errors("on", self.on)

    def next(self, attempt: int, error: BaseException, rng: random.Random) -> int | None:
        """Say how many microseconds after the failure of ``attempt`` the next one may begin.

        None means that this failure is final. ``attempt`` counts from 1. The same ``rng`` gives the
        same answer.
        """
        if self.attempts is not None and attempt >= self.attempts:
            return None
        if isinstance(error, self.non_retryable) or not isinstance(error, self.on):
            return None
        delay = self._delay(attempt) * (1 - self.jitter * rng.random())
        return max(int(delay), SHORTEST)

    def _delay(self, attempt: int) -> float:
        longest = microseconds(self.max)
        try:
            return min(microseconds(self.first) * float(self.factor) ** (attempt - 1), longest)
        except OverflowError:  # thousands of attempts later
            return longest


def _is_number(value: Any, *kinds: type) -> bool:
    return isinstance(value, kinds) and not isinstance(value, bool)


def _length(name: str, value: Duration) -> int:
    try:
        return microseconds(value, what=f"{name}= of a Retry")
    except InvalidDuration as error:
        raise DefinitionError(error.what, error.meaning, error.mend, value=value) from None


def _check_errors(name: str, value: Any) -> None:
    for kind in value if isinstance(value, tuple) else (value,):
        if not (isinstance(kind, type) and issubclass(kind, BaseException)):
            raise _refusal(name, value, f"must be exception classes, and {kind!r} is none")


def _refusal(name: str, value: Any, rule: str) -> DefinitionError:
    return DefinitionError(
        f"Retry({name}={value!r}): {name} {rule}.",
        "A retry policy is checked where it is declared.",
        'For example: Retry(attempts=5, first="1s", factor=2, max="1m").',
        value=value,
    )
