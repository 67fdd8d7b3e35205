"""Where a case stands: its trail, its frontier and why nothing moves, put together from one look at the store."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from dalsegno.client.case_standing import (
    CaseStanding,
    Expected,
    Line,
    Owing,
    RunLine,
    Stray,
    Then,
    ToUndo,
)
from dalsegno.client.past import left_at, row_at
from dalsegno.client.standing import Because, Mark, Standing
from dalsegno.core.cases import CANCELLED, OPEN, Alias, CaseRow
from dalsegno.core.clock import SECOND, to_datetime
from dalsegno.core.event import Event
from dalsegno.core.runs import Run
from dalsegno.insight.binding import commands, in_order, is_stuck
from dalsegno.insight.case_debts import owing
from dalsegno.insight.case_ends import Ending
from dalsegno.insight.case_flow import trail_of
from dalsegno.insight.case_lines import lines_of
from dalsegno.insight.case_past import marks_then, owed_then, standing_then, trail_then
from dalsegno.insight.flow import Flow, Frontier, Trail, drift, frontier
from dalsegno.insight.moment import keeper
from dalsegno.insight.owed import Ledger, Owed
from dalsegno.insight.roster import Roster
from dalsegno.insight.where import Look, read_trail
from dalsegno.insight.workers import Gone, nobody_gone, read_workers
from dalsegno.store.cases import CaseTrail
from dalsegno.store.log import ReactionRow
from dalsegno.store.protocol import Store

_MARKS = 20  # runs of a case whose journals are read
_UNTIL_SAME = 3  # looks, where a case moves meanwhile


@dataclass(frozen=True)
class _Found:
    """What was read of one case."""

    names: tuple[str, ...]
    row: CaseRow | None
    flow: Flow
    left: CaseTrail
    trail: Trail
    told: Frontier | None
    owed: Sequence[Owed]
    runs: Mapping[int, Standing]
    marks: Mapping[int, tuple[Mark, ...]]
    aliases: Sequence[Alias]
    titles: Mapping[int, str]
    first: int  # event that is left on the log

    @functools.cached_property
    def takes_part(self) -> list[Run]:
        """The runs that are no reactions."""
        reactions = {row.run for row in self.left.reactions}
        return [run for run in self.left.runs if run.number not in reactions]


class Scene:
    """One look at a store for however many cases: the workers are read once, and so is what is registered."""

    def __init__(
        self, store: Store, namespace: str, look: Look, *, lines: int, then: int | None = None
    ) -> None:
        self.store = store
        self.namespace = namespace
        self.look = look
        self.then = then
        self._lines = lines

    @classmethod
    async def open(
        cls,
        store: Store,
        namespace: str,
        *,
        gone: Gone = nobody_gone,
        lines: int = 60,
        then: int | None = None,
    ) -> Scene:
        """Take the look; ``gone`` as for ``where``, ``then`` a time in the past that it is to be of.

        Of a long trail the last ``lines`` are kept.
        """
        full = (await store.facts()).full
        look = Look(store, await read_workers(store, gone), await keeper(store), lines, full=full)
        return cls(store, namespace, look, lines=lines, then=then)

    @property
    def now(self) -> int:
        """The moment that it is of."""
        return self.store.now() if self.then is None else self.then

    async def case(self, row: CaseRow) -> CaseStanding:
        """Tell where a case of a declared process stands."""
        return await self.named(await self.store.case_names(self.namespace, row.id), row)

    async def named(self, names: tuple[str, ...], row: CaseRow | None) -> CaseStanding:
        """Tell where a case of these names stands; it has no row where no process declares it."""
        mark = self.store.change_mark()
        found = await self._read(names, row)
        for _ in range(_UNTIL_SAME):
            if self.store.change_mark() == mark or self.then is not None:
                break
            mark = self.store.change_mark()
            row = row and await self.store.case(self.namespace, names[0])
            found = await self._read(names, row)
        return self._standing(found)

    async def event(self, event: Event) -> CaseStanding:
        """Tell where an event stands that belongs to no case."""
        reactions = await self.store.reactions(event.number)
        runs = [await self.store.get(row.run) for row in reactions if row.run is not None]
        left = CaseTrail((event,), tuple(reactions), tuple(run for run in runs if run is not None), ())
        return self._standing(await self._gather((f"#{event.number}",), None, left))

    async def _read(self, names: tuple[str, ...], row: CaseRow | None) -> _Found:
        return await self._gather(names, row, await self.store.trail(self.namespace, names))

    async def _gather(self, names: tuple[str, ...], row: CaseRow | None, left: CaseTrail) -> _Found:
        store = self.store
        roster = await self.look.roster(self.namespace)
        flow, titles = roster.flow, roster.titles
        trail = await trail_of(store, self.namespace, names, left, roster)
        aliases = [] if row is None else await store.case_aliases(self.namespace, row.id)
        marks = await self._marks(left)
        if self.then is not None:
            then = left_at(left, self.then)
            trail = trail_then(trail, then, titles, self.then)
            marks = {number: marks_then(each, self.then) for number, each in marks.items()}
            owed = list(owed_then(flow, trail, then, titles, marks))
            runs = {run.number: standing_then(run, marks.get(run.number, ()), self.then) for run in then.runs}
            row, left = row and row_at(row, None, left, self.then), then
        else:
            runs = {run.number: await self.look.standing(run, depth=1) for run in left.runs}
            owed = await self._owed(left, roster, runs)
        told = frontier(flow, row.process, trail) if row and row.process in flow.processes else None
        return _Found(
            names, row, flow, left, trail, told, owed, runs, marks, aliases, titles, roster.head.first
        )

    async def _owed(self, left: CaseTrail, roster: Roster, runs: Mapping[int, Standing]) -> list[Owed]:
        ledger = Ledger(self.store, self.look, roster, runs)
        reactions: dict[int, list[ReactionRow]] = {}
        for row in left.reactions:
            reactions.setdefault(row.event, []).append(row)
        return [
            each
            for event in left.events
            for each in await ledger.owed(event, reactions.get(event.number, ()))
        ]

    async def _marks(self, left: CaseTrail) -> dict[int, tuple[Mark, ...]]:
        return {
            run.number: (await read_trail(self.store, run.number))[-self._lines :]
            for run in left.runs[:_MARKS]
        }

    def _standing(self, found: _Found) -> CaseStanding:
        row, told, now = found.row, found.told, self.now
        parts = {run.number for run in found.takes_part}
        under_way = [
            standing
            for number, standing in found.runs.items()
            if number in parts and standing.ended_at is None
        ]
        owed, joins = owing(found.left, told, found.flow, found.trail, found.owed, under_way)
        held = self._held(found, owed, joins)
        reasons = in_order(*held)
        lines = self._trail(found)
        began, ended = _began(found), None if row is None else row.ended_at
        due = None if row is None else row.due_at
        past = None if due is None else ((ended or now) - due) / SECOND
        return CaseStanding(
            id=found.names[0],
            process=None if row is None else row.process,
            kind=self._kind(found),
            key=None if row is None else row.key,
            tracking="event_sourced" if row is None else row.tracking,
            state=_state(found, owed),
            end=None if row is None else row.end,
            at=to_datetime(now),
            past=self.then is not None,
            started_at=to_datetime(began),
            ended_at=_moment(ended),
            due_at=_moment(due),
            late=past if past is not None and past > 0 else None,
            stuck=is_stuck(*held),
            names=found.names[1:],
            keys=_keys(found.aliases),
            earlier=max(0, len(lines) - self._lines),
            trail=tuple(lines[-self._lines :]),
            owed=tuple(owed),
            then=()
            if told is None
            else tuple(Then(each.type, each.by, each.after, each.certain) for each in told.then),
            expected=() if told is None else tuple(Expected(each.type, each.by) for each in told.awaited),
            to_undo=()
            if told is None
            else tuple(ToUndo(each.event, each.type, each.by, each.state) for each in told.debts),
            strays=self._strays(found),
            unreachable=() if told is None else told.unreachable,
            runs=tuple(_run_line(standing, number not in parts) for number, standing in found.runs.items()),
            reasons=reasons,
            next=commands(reasons) or (f"dalsegno cases show {found.names[0]}",),
            exact=told is None or told.exact,
        )

    def _held(self, found: _Found, owed: Iterable[Owing], joins: list[Because]) -> list[tuple[Because, ...]]:
        """List the reasons that hold each thing, and those that hold the case as a whole."""
        held = [each.reasons for each in owed] + [(each,) for each in joins]
        if found.told is not None and found.row is not None and found.row.state == OPEN:
            runs = found.takes_part
            owes = any(each.gives for each in owed)
            ending = Ending(found.told, found.flow, found.trail, found.left, found.row, found.first)
            held += [(each,) for each in ending.nothing_comes(runs, owes=owes)]
        return held

    def _trail(self, found: _Found) -> list[Line]:
        return lines_of(found.left, found.titles, found.marks, found.takes_part)

    def _kind(self, found: _Found) -> str:
        """Say whether services react, a run conducts, or both: as far as has been seen of the case."""
        began = None if found.row is None else found.row.began_run
        reacts = any(event.type in found.flow.takers for event in found.left.events)
        conducts = [
            run
            for run in found.takes_part
            if run.number == began or run.workflow in found.flow.by_emitter or not found.left.events
        ]
        if conducts:
            return "hybrid" if reacts else "orchestration"
        return "choreography"

    def _strays(self, found: _Found) -> tuple[Stray, ...]:
        if found.told is None:
            return ()
        return tuple(
            Stray(each.event, each.type, each.why)
            for each in drift(found.flow, found.told.process, found.trail)
        )


def _run_line(run: Standing, reacts: bool) -> RunLine:
    return RunLine(
        run.id, run.workflow, run.version, run.status, run.reason, run.since, reacts, run.reasons[0]
    )


def _began(found: _Found) -> int:
    if found.row is not None:
        return found.row.started_at
    times = [event.at for event in found.left.events] + [run.created_at for run in found.left.runs]
    return min(times, default=0)


def _state(found: _Found, owed: Sequence[Owing]) -> str:
    if found.row is not None:
        return found.row.state
    if found.trail.cancelled is not None:
        return CANCELLED
    return OPEN if owed else "ended"


def _keys(aliases: Iterable[Alias]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for alias in aliases:
        found[alias.name] = (*found.get(alias.name, ()), alias.value)
    return found


def _moment(at: int | None) -> datetime | None:
    return None if at is None else to_datetime(at)
