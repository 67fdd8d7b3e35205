"""Counts the points of a play and says what befalls it there; see ``plans`` for the words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple, Protocol

from dalsegno.core.commit import Claim, Commit, Emit, Retry, Send, Start
from dalsegno.core.entries import Entry, Kind, Outcome
from dalsegno.core.reactions import React, ReactedAs
from dalsegno.core.transact import Transact
from dalsegno.core.writes import Write
from dalsegno.testing.naming import event_name
from dalsegno.testing.plans import CrashPlan, Mishap


class Place(StrEnum):
    """The kinds of point."""

    WRITE = "write"
    STEP = "step"
    HANDLER = "handler"
    CALL = "call"


BODIES = (Place.STEP, Place.HANDLER)


class Point(NamedTuple):
    """A place where a process could die: what it is, and of which run.

    ``of_worker`` says that it is a worker's, and not the client's. ``fails`` says that it may be made to
    fail: it is the first attempt of a handler, or a far side's call by it, or that of a saga's step, and
    no compensation.
    """

    number: int
    place: Place
    what: str
    run_id: str = ""
    of_worker: bool = True
    fails: bool = False

    def __str__(self) -> str:
        return f"{self.place} {self.what}" if self.place is not Place.WRITE else self.what


class Names(Protocol):
    """Says what runs, events and handlers are called; see ``naming``."""

    def run(self, number: int) -> str:
        """Return the id of a run."""
        ...

    def event(self, number: int) -> str:
        """Name an event of the log."""
        ...

    def handler(self, service: int, number: int) -> str:
        """Return the full name of a handler."""
        ...


class Script:
    """The points that a play has come to, and the plan that it follows."""

    def __init__(self, plan: CrashPlan) -> None:
        self.plan = plan
        self.points: list[Point] = []
        self._mishaps = dict(plan.mishaps)

    def visit(
        self, place: Place, what: str, run_id: str, *, of_worker: bool = True, fails: bool = False
    ) -> tuple[int, Mishap | None]:
        """Come to the next point; return its number and what befalls it."""
        number = len(self.points) + 1
        self.points.append(Point(number, place, what, run_id, of_worker, fails))
        return number, self._mishaps.get(number)

    def mishap(self, number: int) -> Mishap | None:
        """Say what befalls a point that was visited."""
        return self._mishaps.get(number)

    @property
    def unreached(self) -> list[int]:
        """The points of the plan to which the play never came."""
        return [number for number in self._mishaps if number > len(self.points)]

    def tell(self) -> list[str]:
        """Say what the plan comes to, a line for each mishap."""
        told = []
        for number, mishap in self._mishaps.items():
            known = number <= len(self.points)
            what = str(self.points[number - 1]) if known else f"point {number}, which it never came to"
            told.append(f"{number}{mishap}  {mishap.told} {what}")
        return told


def written(group: Sequence[Write], names: Names) -> tuple[str, str]:
    """Name a write by what it holds, and the first run in it; nothing for one that is no point."""
    told: list[str] = []
    whose = ""
    for item in group:
        match item:
            case Start():
                whose, what = item.id, f"start of {item.id}"
            case Send():
                whose = item.run_id or names.run(item.run or 0)
                what = f"{item.kind.name.lower()} {item.name}".strip() + f" to {whose}"
            case Commit():
                whose = names.run(item.run)
                what = f"commit of {whose}: {_advance(item)}"
            case Claim():
                what = "claim"
            case Emit():
                what = f"emit of {', '.join(map(event_name, item.events))}"
            case React():
                what = ", ".join(_reacted(item, names))
            case Transact():
                what = f"transaction of {item.what}"
            case Retry():
                whose, what = item.run_id, f"retry of {item.run_id}"
            case _:
                continue
        told += [what] if what else []
    return " + ".join(told), whose


def _advance(commit: Commit) -> str:
    """Say what an advance of a run holds."""
    parts = [_entry(entry) for entry in commit.entries]
    parts += [f"child {start.id} begins" for start in commit.starts]
    parts += [f"emits {event_name(event)}" for event in commit.events]
    if commit.rest is not None:
        reason = f" ({commit.rest.reason})" if commit.rest.reason else ""
        parts.append(f"it is {commit.rest.status}{reason}")
    elif commit.timers and not parts:
        parts.append("a timer is set")
    return ", ".join(parts) or "what it waits for"


def _reacted(item: React, names: Names) -> Iterator[str]:
    """Say what a service did; nothing where it only tells how far it has come."""
    joins = {one.handler for one in item.joined}
    ways = {ReactedAs.DONE: "is done", ReactedAs.RUN: "goes on as a run"}
    for one in item.reactions:
        how = "joins" if one.handler in joins else ways.get(one.outcome, f"is {one.outcome.name.lower()}")
        yield f"{names.handler(item.service, one.handler)} of {names.event(one.event)} {how}"
    for event in item.events:
        yield f"emits {event_name(event)}"


def _entry(entry: Entry) -> str:
    if entry.kind is Kind.STEP:
        ended = {Outcome.VALUE: "returned", Outcome.ERROR: "failed", Outcome.UNKNOWN: "ended unknown"}
        return f"{entry.name} {ended.get(entry.outcome, 'was cancelled')}"
    if entry.kind is Kind.ATTEMPT:
        return f"attempt {entry.attempt} of {entry.name} failed"
    return f"{entry.kind.name.lower()} {entry.name}".strip()
