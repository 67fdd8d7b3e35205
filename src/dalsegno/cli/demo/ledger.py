"""The ledger: what became of the orders, by the services' book alone. The engine is not asked.

``tools/recount.py`` counts the same figures again, and shares no code with this.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from dalsegno.cli.demo.book import Line
from dalsegno.cli.demo.services import CHARGE, EFFECTS, UNDOES, Outcome

SHOP = "shop"
"""Who notes that an order was placed, and which answer its customer got."""
ACCEPT, ANSWER = "accept", "answer"

OPERATOR = "operator"
"""Who notes that a worker was killed."""
KILL = "kill"

_WHOLE = {effect.name: 1 for effect in EFFECTS}


@dataclass(slots=True)
class Account:
    """What the book says about one order; effects are counted by the name of their action."""

    accepted: bool = False
    answer: str = ""
    turned_down: bool = False
    held_by: int = 0  # the process whose answer is still out; between two tries it is nobody's
    made: Counter[str] = field(default_factory=Counter)
    standing: Counter[str] = field(default_factory=Counter)
    begun: Counter[tuple[str, int]] = field(default_factory=Counter)
    repeated: int = 0
    undone: int = 0
    undoing: set[str] = field(default_factory=set)

    def add(self, line: Line) -> None:
        """Take in a line of one of the services."""
        self.held_by = 0 if line.outcome == Outcome.UNAVAILABLE else line.pid
        match line.outcome:
            case Outcome.BEGUN:
                self.begun[line.key, line.attempt] += 1
                if line.action in UNDOES:
                    self.undone += 1
                    self.undoing.add(line.key)
                return
            case Outcome.DONE if line.action in UNDOES:
                self.standing[UNDOES[line.action]] -= 1
            case Outcome.DONE:
                self.made[line.action] += 1
                self.standing[line.action] += 1
            case Outcome.REFUSED:
                self.turned_down = True
            case Outcome.REPEATED:
                self.repeated += 1
        self.undoing.discard(line.key)

    @property
    def executed_twice(self) -> int:
        """How many attempts began again, since nobody knew how they had ended."""
        return sum(self.begun.values()) - len(self.begun)

    @property
    def verdict(self) -> str:
        """What became of the order, in one word or two: a figure of the ledger."""
        standing = +self.standing
        if not self.answer:
            return "lost"
        if self.answer == "completed":
            return "completed" if standing == _WHOLE else "incomplete"
        if standing:
            return "not undone"
        return "compensated" if self.turned_down or self.made else "failed otherwise"


@dataclass(slots=True)
class Kill:
    """The death of a worker: which orders it had under way, and when the first of them went on."""

    pid: int
    at: int
    under_way: set[str]
    resumed_at: int | None = None

    @property
    def seconds(self) -> float | None:
        """How long until the first step of an order that it had under way."""
        return None if self.resumed_at is None else (self.resumed_at - self.at) / 1_000_000


class Ledger:
    """All accounts, and the kills between their lines; lines may be added as they come."""

    def __init__(self, lines: Iterable[Line] = ()) -> None:
        self.accounts: dict[str, Account] = {}
        self.kills: list[Kill] = []
        self.answers: Counter[str] = Counter()
        self.waiting: set[str] = set()  # accepted, and without an answer yet
        self.undoing: set[str] = set()  # an undo has begun and not ended
        self.rollbacks = 0  # orders of which an undo has ever begun
        self.lines = 0
        self.add(lines)

    def add(self, lines: Iterable[Line]) -> None:
        """Take in lines, in the order in which they were written."""
        for line in lines:
            self.lines += 1
            if line.service == OPERATOR:
                self._add_kill(line)
            elif line.service == SHOP:
                self._add_shop(line)
            else:
                self._note_resumed(line)
                self._add_service(line)

    def _account(self, order: str) -> Account:
        return self.accounts.setdefault(order, Account())

    def _add_kill(self, line: Line) -> None:
        held = {name for name, a in self.accounts.items() if a.held_by == line.pid and not a.answer}
        self.kills.append(Kill(line.pid, line.at, held))

    def _add_shop(self, line: Line) -> None:
        account = self._account(line.order)
        if line.action == ACCEPT:
            account.accepted = True
            self.waiting.add(line.order)
        elif line.action == ANSWER:
            account.answer = line.outcome
            self.answers[line.outcome] += 1
            self.waiting.discard(line.order)

    def _add_service(self, line: Line) -> None:
        account = self._account(line.order)
        undone = account.undone
        account.add(line)
        self.rollbacks += undone == 0 and account.undone == 1
        (self.undoing.add if account.undoing else self.undoing.discard)(line.order)

    def _note_resumed(self, line: Line) -> None:
        for kill in self.kills:
            if kill.resumed_at is None and line.order in kill.under_way and line.pid != kill.pid:
                kill.resumed_at = line.at

    @property
    def answered(self) -> int:
        """How many customers know what became of their order."""
        return self.answers.total()

    # -- at the end

    def figures(self) -> dict[str, int]:
        """Count everything, by the names that ``--json`` has."""
        placed = [account for account in self.accounts.values() if account.accepted]
        verdicts = Counter(account.verdict for account in placed)
        every = self.accounts.values()
        return {
            "orders": len(placed),
            "completed": verdicts["completed"],
            "compensated": verdicts["compensated"],
            "failed_otherwise": verdicts["failed otherwise"],
            "executed_twice": sum(account.executed_twice for account in every),
            "recognized": sum(account.repeated for account in every),
            "charged_twice": sum(account.made[CHARGE.name] > 1 for account in every),
            "done_twice": sum(
                any(times > 1 for effect, times in account.made.items() if effect != CHARGE.name)
                for account in every
            ),
            "lost": verdicts["lost"],
            "incomplete": verdicts["incomplete"],
            "not_undone": verdicts["not undone"],
        }

    def wrong(self) -> list[str]:
        """Say, order by order, what must not be."""
        faults = []
        for name, account in sorted(self.accounts.items()):
            for effect, times in account.made.items():
                if times > 1:
                    faults.append(f"{name}: {effect} done {times} times")
            faults += _fault(name, account) if account.accepted else []
        return faults


def _fault(name: str, account: Account) -> list[str]:
    standing = ", ".join(sorted(+account.standing)) or "nothing"
    match account.verdict:
        case "lost":
            return [f"{name}: lost, it has no answer; done and not undone: {standing}"]
        case "incomplete":
            return [f"{name}: answered as completed; done and not undone: {standing}"]
        case "not undone":
            return [f"{name}: answered as {account.answer}, and not undone: {standing}"]
        case _:
            return []
