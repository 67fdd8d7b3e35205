"""Many dead letters answered alike: chosen, told before it is done, and done slowly, in the order of each key."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from dalsegno.client.answers import Answers, refusal
from dalsegno.core.clock import nap
from dalsegno.core.reactions import DeadLetterRow
from dalsegno.errors import InvalidInput, RedriveRefused
from dalsegno.events.reaction import Answer
from dalsegno.store.log import DeadLetterQuery

_PAGE = 500
_LOOK = 0.05  # seconds between looks at those under way
_PATIENCE = 30.0  # seconds for one to end, behind which others of its key wait


@dataclass(frozen=True, slots=True)
class Redriven:
    """What became of one dead letter, or with a dry run what would.

    ``outcome`` is redriven, discarded, chosen (by a dry run), refused (it came back too often), left (one of its
    key before it did not succeed) or answered (it was not open any more). ``note`` says more.
    """

    number: int
    event: int
    key: str | None
    outcome: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class RedriveReport:
    """What became of each, in the order in which it was done; ``more`` says that the limit left some out."""

    dry_run: bool
    letters: tuple[Redriven, ...]
    more: bool

    def count(self, outcome: str) -> int:
        """Count those of an outcome."""
        return sum(letter.outcome == outcome for letter in self.letters)


@dataclass(frozen=True, slots=True)
class Chosen:
    """Dead letters in the order of their events."""

    rows: Sequence[DeadLetterRow]
    more: bool = False


class Redriving:
    """One answer for many."""

    def __init__(self, answers: Answers, answer: Answer, by: str, *, rate: float, force: bool) -> None:
        if not rate > 0:
            raise InvalidInput(
                f"rate={rate!r} is no rate.",
                "A rate is a number per second, above 0.",
                "Write rate=10, or leave it out.",
                value=rate,
            )
        self._answers = answers
        self._answer = answer
        self._by = by
        self._word = "redriven" if answer.what == "redrive" else "discarded"
        self._pause = 1 / rate
        self._force = force
        self._done: list[Redriven] = []

    async def choose(self, query: DeadLetterQuery, numbers: Sequence[int], limit: int) -> Chosen:
        """Find those of the numbers, or all open ones of a query."""
        if numbers:
            rows = [await self._answers.row(number) for number in dict.fromkeys(numbers)]
            return Chosen(sorted(rows, key=_order))
        found: list[DeadLetterRow] = []
        query = replace(query, state="open", limit=_PAGE)
        while page := await self._answers.desk.store.dead_letters(query):
            found += page
            query = replace(query, before=page[-1].number)
        found.sort(key=_order)
        return Chosen(found[:limit], len(found) > limit)

    async def run(self, chosen: Chosen, *, dry_run: bool) -> RedriveReport:
        """Answer them all, or say what would be done."""
        if dry_run:
            letters = tuple(self._foretold(row) for row in chosen.rows)
            return RedriveReport(True, letters, chosen.more)
        lines = _lines(chosen.rows)
        ready = deque(line for line in lines if line)
        waiting: list[tuple[DeadLetterRow, deque[DeadLetterRow]]] = []
        patience = _PATIENCE
        while ready or waiting:
            if ready:
                line = ready.popleft()
                row = line.popleft()
                if await self._give(row) and line:
                    waiting.append((row, line))
                elif line:
                    self._leave(row, line)
                await nap(self._pause)
            else:
                await nap(_LOOK)
                patience -= _LOOK
            still = [each for each in waiting if not await self._moved_on(*each, ready)]
            patience = _PATIENCE if len(still) < len(waiting) else patience
            waiting = still
            if patience <= 0:
                for row, line in waiting:
                    self._leave(row, line)
                waiting = []
        return RedriveReport(False, tuple(self._done), chosen.more)

    async def _give(self, row: DeadLetterRow) -> bool:
        """Answer one; tell whether what is behind it may still come."""
        try:
            given = await self._answers.give(row.number, self._answer, self._by, force=self._force)
        except RedriveRefused:
            self._note(row, "refused", refusal(row) or "")
            return False
        self._note(row, *((self._word, "") if given else ("answered", "it is not open any more")))
        return True

    async def _moved_on(
        self, row: DeadLetterRow, line: deque[DeadLetterRow], ready: deque[deque[DeadLetterRow]]
    ) -> bool:
        """See whether one has ended, behind which others wait: then the next one's turn has come."""
        now = await self._answers.row(row.number)
        if now.state == "redriving":
            return False
        if now.state == "open":
            self._leave(row, line)
        else:
            ready.append(line)
        return True

    def _leave(self, row: DeadLetterRow, line: deque[DeadLetterRow]) -> None:
        for behind in line:
            self._note(behind, "left", f"it is of one key with {row.number}, which has not succeeded")

    def _foretold(self, row: DeadLetterRow) -> Redriven:
        if row.state != "open":
            return Redriven(row.number, row.event, row.key, "answered", f"it is {row.state}")
        why_not = None if self._force else refusal(row)
        return Redriven(
            row.number, row.event, row.key, "refused" if why_not else "chosen", why_not or row.error
        )

    def _note(self, row: DeadLetterRow, outcome: str, note: str) -> None:
        self._done.append(Redriven(row.number, row.event, row.key, outcome, note))


def _order(row: DeadLetterRow) -> tuple[int, int]:
    return row.event, row.number


def _lines(rows: Sequence[DeadLetterRow]) -> list[deque[DeadLetterRow]]:
    """Part them by key, each in the order of its events; without a key each stands alone."""
    lines: dict[object, deque[DeadLetterRow]] = {}
    for row in rows:
        name = (row.service, row.key) if row.key is not None else row.number
        lines.setdefault(name, deque()).append(row)
    return list(lines.values())
