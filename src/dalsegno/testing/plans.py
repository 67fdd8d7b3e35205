"""What befalls one play, in a word that fits on a command line: ``7a,9b``.

A *point* is a place where a process could die: a write to the store, the body of a step or a handler, a
call of a far side. Points are numbered in the order in which a play comes to them, and up to the first mishap
every play of a scenario is the same; so ``7a,9b`` says all: it dies after point 7, and what goes on
then dies before point 9. ``clean`` is the play in which nothing happens, ``o3`` the third of those
whose steps and handlers answer in another order, ``h2`` a replay under another hash seed, ``d1`` one in
which what is emitted is sent twice.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


class Mishap(StrEnum):
    """What may happen at a point."""

    BEFORE = "b"
    AFTER = "a"
    LATE = "l"
    ZOMBIE = "z"
    REFUSED = "r"
    TIMED_OUT = "t"

    @property
    def told(self) -> str:
        """Say it in a few words, before the name of a point."""
        return _TOLD[self]


_TOLD = {
    Mishap.BEFORE: "the process dies before",
    Mishap.AFTER: "the process dies after",
    Mishap.LATE: "it lands and its reply is lost:",
    Mishap.ZOMBIE: "the process stands still past its lease before",
    Mishap.REFUSED: "an error comes from",
    Mishap.TIMED_OUT: "it happens and no answer comes from",
}

CRASHES = (Mishap.BEFORE, Mishap.AFTER)
FAILURES = (Mishap.REFUSED, Mishap.TIMED_OUT)
AT_ONCE, LATER = SENT_AGAIN = (1, 2)
"""When what a scenario emits is sent again: right after it, or when all has come to rest."""

_TOKEN = re.compile(r"([1-9][0-9]{0,5})([balzrt])")
_ALONE = re.compile(r"([ohd])([1-9][0-9]{0,3})")
_NTH = re.compile(r"([1-9][0-9]{0,3}):(.*)")


class MalformedPlan(ValueError):
    """A text that is no plan; the message says what one looks like."""


@dataclass(frozen=True, slots=True)
class CrashPlan:
    """Which mishap happens at which point; or the other order, or the other hash seed, of a play.

    ``again`` sends what the scenario emits twice: 1 at once, 2 when all has come to rest.
    """

    mishaps: tuple[tuple[int, Mishap], ...] = ()
    order: int = 0
    hash_seed: int = 0
    again: int = 0

    @classmethod
    def parse(cls, text: str) -> CrashPlan:
        """Read a plan. Raises ``MalformedPlan``."""
        if text == "clean":
            return cls()
        if alone := _ALONE.fullmatch(text):
            return _ALONE_MEANS[alone[1]](int(alone[2]))
        found: dict[int, Mishap] = {}
        for part in text.split(","):
            token = _TOKEN.fullmatch(part.strip())
            if token is None:
                raise MalformedPlan(_refusal(text, f"{part.strip()!r} is no point with a letter"))
            number = int(token[1])
            if found and number <= max(found):
                raise MalformedPlan(_refusal(text, f"point {number} does not come after {max(found)}"))
            found[number] = Mishap(token[2])
        return cls(tuple(found.items()))

    def then(self, number: int, mishap: Mishap) -> CrashPlan:
        """Add what happens next."""
        return CrashPlan((*self.mishaps, (number, mishap)))

    @property
    def first(self) -> int:
        """The point of the first mishap; 0 without any."""
        return self.mishaps[0][0] if self.mishaps else 0

    @property
    def last(self) -> int:
        """The point of the last mishap; 0 without any."""
        return self.mishaps[-1][0] if self.mishaps else 0

    def __str__(self) -> str:
        if self.order:
            return f"o{self.order}"
        if self.hash_seed:
            return f"h{self.hash_seed}"
        if self.again:
            return f"d{self.again}"
        return ",".join(f"{number}{mishap}" for number, mishap in self.mishaps) or "clean"


_ALONE_MEANS = {
    "o": lambda number: CrashPlan(order=number),
    "h": lambda number: CrashPlan(hash_seed=number),
    "d": lambda number: CrashPlan(again=number),
}


def parse_option(text: str) -> tuple[int, CrashPlan]:
    """Read a plan as the command line has it: ``2:7a`` is plan 7a of a test's second exploration."""
    nth = _NTH.fullmatch(text.strip())
    return (int(nth[1]), CrashPlan.parse(nth[2])) if nth else (1, CrashPlan.parse(text.strip()))


def _refusal(text: str, why: str) -> str:
    return (
        f"{text!r} is no crash plan: {why}. A plan is 'clean', or points in rising order, each with what "
        "happens there, as in 7a,9b: b the process dies before it, a after it, l the reply to a write is "
        "lost, z it stands still past its lease, r a step or a handler is refused, t it times out; or o3, "
        "another order of answers; or h2, another hash seed; or d1, what is emitted is sent twice."
    )
