"""A case as it was: by what the store knew at a moment, and by what had happened until then, held to a fold.

Data, read from ../shared/data: help-desk tickets, doi:10.4121/uuid:0c60edf1-6f83-4e75-9367-4c63b3e9d5bb; receipt phase
of permit applications, doi:10.4121/12709127; the "Order Management" example log of the OCEL standard; and the
running example of process mining. Beside them stands a small log of our own.
"""

from __future__ import annotations

import csv
import gzip
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, make_dataclass
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any

import pytest

from dalsegno import App, AsyncClient, Process, Service, event
from dalsegno.client.past import By
from dalsegno.core.clock import from_datetime, to_datetime
from dalsegno.errors import CaseNotFound
from dalsegno.events.envelope import Envelope
from tests.helpers.room import eventually

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(300)]

MOMENTS = 20
CASES = 200
_PICTURED = 10  # one of so many is asked for by ``where``, too, which takes longer


@dataclass(frozen=True)
class Line:
    """One line of a log: of which case, what, and when it happened."""

    id: str
    case: str
    what: str
    happened: datetime


@dataclass(frozen=True)
class Stood:
    """How a case stood: what was there of it, in order, whether it was open, and what had ended it."""

    what: tuple[str, ...]
    state: str
    end: str | None


@dataclass(frozen=True)
class Log:
    """A log with what begins a case of it and what ends one."""

    name: str
    lines: tuple[Line, ...]
    starts: frozenset[str]
    ends: frozenset[str]

    @property
    def process(self) -> Process:
        return Process(self.name, starts=_classes(self.starts), ends=_classes(self.ends))

    def envelopes(self, lines: tuple[Line, ...]) -> Iterator[Envelope]:
        for line in lines:
            yield Envelope(
                id=line.id,
                source=f"/{self.name}",
                type=line.what,
                time=from_datetime(line.happened),
                data=b'{"case": "%s"}' % line.case.encode(),
                extensions={"case": f"{self.name}-{line.case}", "key": line.case},
            )


def _classes(names: frozenset[str]) -> Any:
    kinds = [event(name, key="case")(make_dataclass(name, [("case", str)])) for name in sorted(names)]
    return reduce(or_, kinds)


# -- the fold, which knows of the lines alone


def fold(log: Log, lines: list[Line]) -> Stood | None:
    """Say how a case stands of which these lines are there, in this order; None where nothing has begun it."""
    if not any(line.what in log.starts for line in lines):
        return None
    end = next((line.what for line in lines if line.what in log.ends), None)
    return Stood(tuple(line.what for line in lines), "open" if end is None else "ended", end)


# -- the logs


def _word(text: str) -> str:
    return re.sub(r"\W+", "_", text)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def read(shared: Path, name: str) -> list[Line]:
    with gzip.open(shared / "data" / f"{name}.csv.gz", "rt", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if "orders" not in rows[0]:
        return [
            Line(f"{r['case_id']}#{r['seq']}", r["case_id"], _word(r["activity"]), _time(r["timestamp"]))
            for r in rows
        ]
    return [
        Line(row["event_id"], order, _word(row["activity"]), _time(row["timestamp"]))
        for row in rows
        for order in [row["orders"]]
        if order and "|" not in order
    ]


PUBLISHED: dict[str, tuple[str, str]] = {
    "helpdesk_tickets": (
        "Assign seriousness|Insert ticket|Take in charge ticket|Resolve ticket|Create SW anomaly|Wait",
        "Closed",
    ),
    "receipt_permits": (
        "Confirmation of receipt",
        "T10 Determine necessity to stop indication|T05 Print and send confirmation of receipt",
    ),
    "orders_object_centric": ("place order", "pay order"),
    "running_example_compensation": ("register request", "pay compensation|reject request"),
}


def published(shared: Path, name: str) -> Log:
    starts, ends = (frozenset(map(_word, each.split("|"))) for each in PUBLISHED[name])
    return Log(name.partition("_")[0], tuple(read(shared, name)), starts, ends)


def our_own() -> Log:
    """Make a log of 60 cases that overlap, some of which never end."""
    chance, lines, noon = random.Random(3), [], datetime.fromisoformat("2026-03-01T12:00:00+00:00")
    for case in range(60):
        at = noon + timedelta(minutes=chance.randrange(2_000))
        names = ["Opened", *chance.choices(["Looked_at", "Asked", "Answered"], k=chance.randrange(5))]
        names += chance.choice([[], ["Solved"], ["Rejected"], ["Solved", "Asked"]])
        for number, name in enumerate(names):
            lines.append(Line(f"{case}.{number}", str(case), name, at))
            at += timedelta(minutes=chance.randrange(90))  # 0 now and then: two at one time
    return Log("claim", tuple(lines), frozenset({"Opened"}), frozenset({"Solved", "Rejected"}))


# -- the play


class Play:
    """A log brought in piece by piece, not quite in order; after each piece the time is noted."""

    def __init__(self, log: Log, seed: int) -> None:
        self.log = log
        self.chance = random.Random(seed)
        ordered = sorted(log.lines, key=lambda line: line.happened)
        late = {id(line): n + self.chance.choice([0, 0, 0, 40]) for n, line in enumerate(ordered)}
        self.lines = tuple(sorted(ordered, key=lambda line: late[id(line)]))
        cuts = sorted(self.chance.sample(range(1, len(ordered)), MOMENTS))
        self.pieces = [self.lines[a:b] for a, b in zip([0, *cuts], [*cuts, len(ordered)], strict=True)]
        self.known: list[tuple[datetime, int]] = []

    async def bring_in(self, client: AsyncClient, app: App) -> None:
        assert app._runtime is not None
        there = 0
        for piece in self.pieces:
            told = await client.events.import_(self.log.envelopes(piece), rate=1e9, dry_run=False)
            there += len(piece)
            assert (told.new, told.refused) == (len(piece), 0)
            self.known.append((to_datetime(app._runtime.store.now()), there))

    def cases(self, count: int) -> dict[str, list[tuple[int, Line]]]:
        """Choose cases, each with its lines and their places in the order in which they were brought in."""
        names = sorted({line.case for line in self.lines})
        found: dict[str, list[tuple[int, Line]]] = {
            name: [] for name in self.chance.sample(names, min(count, len(names)))
        }
        for place, line in enumerate(self.lines):
            if line.case in found:
                found[line.case].append((place, line))
        return found

    def times(self) -> list[datetime]:
        first, last = self.log.lines[0].happened, max(line.happened for line in self.lines)
        first = min(first, *(line.happened for line in self.lines))
        return [first + self.chance.random() * (last - first) for _ in range(MOMENTS)]


async def stood(client: AsyncClient, case: str, at: datetime, by: By) -> Stood | None:
    try:
        found = await client.cases.show(case, at=at, by=by)
    except CaseNotFound:
        return None
    return Stood(tuple(each.type for each in found.events), found.case.state, found.case.end)


async def picture(client: AsyncClient, case: str, at: datetime) -> Stood:
    """Say the same by ``where``, whose time is that of acceptance."""
    found = (await client.where(case, at=at)).case
    assert found is not None
    assert found.past
    return Stood(tuple(line.name for line in found.trail if line.kind == "event"), found.state, found.end)


async def hold(log: Log, folder: Path, count: int, seed: int = 5) -> tuple[set[str], set[bool]]:
    """Hold the past of cases to the fold; return the states that were seen, and whether any had not begun."""
    play, states, begun = Play(log, seed), set[str](), set[bool]()
    app = App("past", include=[log.process], store=f"sqlite:///{folder}/past.db")
    async with app as client:
        await play.bring_in(client, app)
        times = play.times()
        for number, (name, lines) in enumerate(play.cases(count).items()):
            for at, there in play.known:
                expected = fold(log, [line for place, line in lines if place < there])
                assert await stood(client, f"{log.name}-{name}", at, "accepted") == expected, (name, at)
                if number % _PICTURED == 0 and expected is not None:
                    assert await picture(client, f"{log.name}-{name}", at) == expected, (name, at)
            in_time = sorted(lines, key=lambda one: (one[1].happened, one[0]))
            for at in times:
                expected = fold(log, [line for _, line in in_time if line.happened <= at])
                assert await stood(client, f"{log.name}-{name}", at, "happened") == expected, (name, at)
                states |= {expected.state} if expected else set()
                begun.add(expected is not None)
    return states, begun


@pytest.mark.parametrize("name", PUBLISHED)
async def test_cases_of_a_published_log_were_at_any_time_what_a_fold_says(
    name: str, shared: Path, tmp_path: Path
) -> None:
    log = published(shared, name)
    assert await hold(log, tmp_path, CASES // (len(PUBLISHED) - 1)) == ({"open", "ended"}, {False, True})


async def test_cases_of_a_small_log_of_our_own_were_at_any_time_what_a_fold_says(tmp_path: Path) -> None:
    assert await hold(our_own(), tmp_path, 60) == ({"open", "ended"}, {False, True})


# -- reactions, runs and dead letters


@event(key="claim")
@dataclass
class Filed:
    claim: str


@event(key="claim")
@dataclass
class Checked:
    claim: str


@event(key="claim")
@dataclass
class Withdrawn:
    claim: str


class Assessors:
    """A service that cannot digest a claim until it is told how."""

    def __init__(self) -> None:
        self.able = False
        self.service = Service("assessors")
        self.process = Process("claim", starts=Filed, ends=Checked, cancel=Withdrawn)

        @self.service.on(attempts=1)
        async def assess(e: Filed) -> Checked:
            if not self.able:
                raise ValueError("it cannot be read")
            return Checked(e.claim)


async def test_a_dead_letter_is_in_the_past_of_its_case_until_it_was_redriven(tmp_path: Path) -> None:
    office = Assessors()
    app = App("claims", include=[office.process, office.service], store=f"sqlite:///{tmp_path}/claims.db")
    async with app as client:
        await client.emit(Filed("1"))
        await eventually(client.dead_letters.list, "it is a dead letter")
        stuck = to_datetime(app._runtime.store.now())  # type: ignore[union-attr]
        office.able = True
        await client.dead_letters.redrive(1, by="ann")

        async def ended() -> bool:
            return (await client.cases.get("claim-1")).state == "ended"

        await eventually(ended, "it is checked")
        before, now = await client.cases.show("claim-1", at=stuck), await client.cases.show("claim-1")
        early = now.case.started_at - timedelta(microseconds=1)
        with pytest.raises(CaseNotFound, match="had not begun"):
            await client.cases.show("claim-1", at=early)
    (letter,), (run,) = before.dead_letters, before.runs
    assert (before.case.state, letter.state, letter.changed_by) == ("open", "open", "")
    assert (run.status, run.reason, run.ended_at) == ("waiting", "parked: dead letter", None)
    assert [each.type for each in before.events] == ["Filed"]
    assert (now.case.state, now.dead_letters[0].state, now.runs[0].status) == (
        "ended",
        "resolved",
        "completed",
    )
