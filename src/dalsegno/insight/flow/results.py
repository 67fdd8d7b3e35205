"""What the frontier of a case is told as: frozen values, with the names that JSON has too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Debtor:
    """Who owes an event: a handler (its full name), or a workflow of which a run has not ended.

    ``event`` and ``type`` are what it reacts to; a run has none. ``state`` is open, dead letter, or running for
    a run. ``due_at`` is by when its declaration says, in microseconds.
    """

    by: str
    event: int | None
    type: str | None
    state: Literal["open", "dead letter", "running"]
    due_at: int | None = None


@dataclass(frozen=True, slots=True)
class Owed:
    """An event that something open may emit now. ``certain``: it comes in every world. ``again``: it was there."""

    type: str
    by: tuple[Debtor, ...]
    certain: bool
    again: bool = False

    @property
    def stuck(self) -> bool:
        """Whether nobody but those that are dead letters owes it."""
        return all(debtor.state == "dead letter" for debtor in self.by)


@dataclass(frozen=True, slots=True)
class Later:
    """An event that may come once others have: of which handlers, after which events."""

    type: str
    by: tuple[str, ...]
    after: tuple[str, ...]
    certain: bool
    again: bool = False


@dataclass(frozen=True, slots=True)
class Awaited:
    """An event that no handler gives: it comes from outside, or of a workflow (``by``) that has not begun yet."""

    type: str
    by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class End:
    """One way to end: the types that it takes, and whether they are there or may still be."""

    types: tuple[str, ...]
    state: Literal["reached", "possible", "unreachable"]


@dataclass(frozen=True, slots=True)
class Debt:
    """An effect of a case that is undoing itself, and that is not undone yet.

    ``by`` are the handlers that undo it. ``state`` is open (one of them is to react), dead letter, later (an
    event that one of them takes may still come), or nobody (none does).
    """

    event: int
    type: str
    by: tuple[str, ...]
    state: Literal["open", "dead letter", "later", "nobody"]


@dataclass(frozen=True, slots=True)
class Frontier:
    """Where a case stands between what was seen of it and what is declared.

    ``done`` are the types that are there; ``owed`` may be emitted by what is open now, ``then`` in some world
    after that, ``awaited`` by others than the case itself; ``unreachable`` belong to the process, are not
    there, and come in no world. ``exact`` is False where there were too many worlds to look through:
    then some of ``then`` may be unreachable, and some that is certain is not said to be.
    """

    process: str
    done: tuple[str, ...]
    owed: tuple[Owed, ...]
    then: tuple[Later, ...]
    awaited: tuple[Awaited, ...]
    unreachable: tuple[str, ...]
    ends: tuple[End, ...]
    debts: tuple[Debt, ...] = ()
    exact: bool = True

    @property
    def ended(self) -> bool:
        """Whether the events of one of its ends are all there."""
        return any(end.state == "reached" for end in self.ends)

    @property
    def lost(self) -> bool:
        """Whether no end is there, and none can come any more."""
        return bool(self.ends) and all(end.state == "unreachable" for end in self.ends)
