"""Dead letters, as a program asks them: what could not be digested, why, and a person's answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

import msgspec

from dalsegno.client.answers import Answers
from dalsegno.client.desk import Desk
from dalsegno.client.event_views import EventInfo, info_of
from dalsegno.client.events import handlers_of
from dalsegno.client.redriving import RedriveReport, Redriving
from dalsegno.core import failure
from dalsegno.core.clock import to_datetime
from dalsegno.core.entries import Entry, Kind, Outcome
from dalsegno.core.reactions import DeadLetterRow, HandlerRow
from dalsegno.errors import InvalidInput
from dalsegno.events.reaction import Answer, answered
from dalsegno.store.log import lane_of

_BEHIND = 20  # that wait behind one, and are named


@dataclass(frozen=True, slots=True)
class DeadLetterInfo:
    """An event that a handler could not digest.

    ``state`` is open, redriving (it has its answer, and has not ended yet), resolved or discarded.
    ``cause`` groups those that failed alike; ``attempts`` are those since the last answer, ``times``
    how often it became a dead letter. ``changed_by`` and ``why`` are of the last answer.
    """

    number: int
    event: int
    service: str
    handler: str
    key: str | None
    cause: str
    error: str
    attempts: int
    times: int
    state: str
    at: datetime
    changed_at: datetime
    changed_by: str
    why: str
    run: str


@dataclass(frozen=True, slots=True)
class DeadLetterGroup:
    """Open dead letters that failed alike; ``example`` is the number of the oldest, and ``error`` its error."""

    cause: str
    service: str
    handler: str
    count: int
    oldest_at: datetime
    newest_at: datetime
    example: int
    error: str


@dataclass(frozen=True, slots=True)
class Answered:
    """What a person said of it: redrive, edit or discard, who, when and why; ``data`` as it was edited."""

    what: str
    by: str
    at: datetime
    why: str
    data: Any = None


@dataclass(frozen=True, slots=True)
class DeadLetterStory:
    """A dead letter in full.

    ``traceback`` is that of its last failure, ``answers`` what people have said before. ``behind``
    names runs that wait behind it in the order of its key, ``waiting`` how many they are; with
    ``after_dead_letter="go on"`` none do. ``data`` is what it is tried with, which may have been edited.
    """

    letter: DeadLetterInfo
    event: EventInfo | None
    data: Any
    traceback: str
    answers: tuple[Answered, ...]
    behind: tuple[str, ...]
    waiting: int


DeadLetterInfos: TypeAlias = list[DeadLetterInfo]
DeadLetterGroups: TypeAlias = list[DeadLetterGroup]
Runs: TypeAlias = list[int]
Entries: TypeAlias = list[Entry]
Titles: TypeAlias = dict[int, tuple[str, HandlerRow]]


class AsyncDeadLetters:
    """Dead letters, in ``async def`` code."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._answers = Answers(desk)

    # -- looking

    async def list(
        self,
        *,
        state: str | None = "open",
        service: str | None = None,
        handler: str | None = None,
        cause: str | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> DeadLetterInfos:
        """List dead letters, the newest first; ``state=None`` those of all states."""
        wanted = await self._answers.query(service=service, handler=handler, cause=cause)
        query = msgspec.structs.replace(wanted, state=state, before=before, limit=limit)
        titles = await handlers_of(self.desk)
        return [await self._info(row, titles) for row in await self.desk.store.dead_letters(query)]

    async def groups(self) -> DeadLetterGroups:
        """Count the open dead letters by what they failed of, the largest group first."""
        titles = await handlers_of(self.desk)
        return [
            DeadLetterGroup(
                cause=group.cause,
                service=titles[group.handler][0],
                handler=titles[group.handler][1].name,
                count=group.count,
                oldest_at=to_datetime(group.oldest),
                newest_at=to_datetime(group.newest),
                example=group.example,
                error=group.error,
            )
            for group in await self.desk.store.dead_letter_groups(self.desk.namespace)
        ]

    async def show(self, number: int) -> DeadLetterStory:
        """Read a dead letter in full; raise ``DeadLetterNotFound``."""
        store, row = self.desk.store, await self._answers.row(number)
        event = await store.event(row.event)
        journal = await store.journal(row.run)
        answers = [_answered(entry) for entry in journal if entry.kind is Kind.HOLD]
        edited = [answer.data for answer in answers if answer.data is not None]
        info = None if event is None else info_of(event)
        behind = await self._behind(row)
        return DeadLetterStory(
            letter=await self._info(row, await handlers_of(self.desk)),
            event=info,
            data=edited[-1] if edited else None if info is None else info.data,
            traceback=_traceback(journal),
            answers=tuple(answers),
            behind=tuple([await self._run_id(run) for run in behind[:_BEHIND]]),
            waiting=len(behind),
        )

    # -- answering

    async def redrive(self, number: int, *, by: str = "", why: str = "", force: bool = False) -> bool:
        """Have a dead letter tried again; False when it is not open, and nothing was done.

        Raises DeadLetterNotFound, and RedriveRefused for one that came back too often; ``force`` has
        it tried all the same.
        """
        return await self._answers.give(number, Answer("redrive", why), by, force=force)

    async def edit(self, number: int, data: Any, *, by: str = "", why: str = "") -> bool:
        """Have a dead letter tried again with other data; the event on the log stays what it is.

        ``data`` is an instance of the event's class, or its plain values, which must fit it where this
        process knows the class. Raises RedriveRefused for data that does not, or has another key.
        """
        return await self._answers.edit(number, data, by, why)

    async def discard(self, number: int, *, why: str, by: str = "") -> bool:
        """Give a dead letter up, for a reason; what waits behind it goes on. False when it is not open."""
        return await self._answers.give(number, Answer("discard", _reason(why)), by, force=True)

    async def redrive_many(
        self,
        *numbers: int,
        alike: int | None = None,
        service: str | None = None,
        handler: str | None = None,
        cause: str | None = None,
        by: str = "",
        why: str = "",
        rate: float = 50.0,
        force: bool = False,
        limit: int = 10_000,
        dry_run: bool = True,
    ) -> RedriveReport:
        """Have dead letters tried again: these, those that failed as ``alike`` did, or those of a query.

        With ``dry_run``, which is the default, it only says what would be done. At most ``rate`` are
        answered a second, those of one key in their order and one after the other: the next one once
        the one before has succeeded. One that came back too often is left out, unless ``force``.
        """
        query = await self._answers.query(service=service, handler=handler, cause=cause, alike=alike)
        many = Redriving(self._answers, Answer("redrive", why), by, rate=rate, force=force)
        return await many.run(await many.choose(query, numbers, limit), dry_run=dry_run)

    async def discard_many(
        self,
        *numbers: int,
        why: str,
        alike: int | None = None,
        service: str | None = None,
        handler: str | None = None,
        cause: str | None = None,
        by: str = "",
        rate: float = 50.0,
        limit: int = 10_000,
        dry_run: bool = True,
    ) -> RedriveReport:
        """Give dead letters up, for a reason: these, those that failed as ``alike`` did, or those of a query.

        With ``dry_run``, which is the default, it only says what would be done.
        """
        query = await self._answers.query(service=service, handler=handler, cause=cause, alike=alike)
        many = Redriving(self._answers, Answer("discard", _reason(why)), by, rate=rate, force=True)
        return await many.run(await many.choose(query, numbers, limit), dry_run=dry_run)

    # -- parts

    async def _info(self, row: DeadLetterRow, titles: Titles) -> DeadLetterInfo:
        return letter_info(row, titles[row.handler], await self._run_id(row.run))

    async def _behind(self, row: DeadLetterRow) -> Runs:
        lane = await lane_of(self.desk.store, row.service, row.key, row.run, row.event)
        return lane[lane.index(row.run) + 1 :] if lane else []

    async def _run_id(self, number: int) -> str:
        run = await self.desk.store.get(number)
        return "" if run is None else run.id


def letter_info(row: DeadLetterRow, title: tuple[str, HandlerRow], run: str) -> DeadLetterInfo:
    """Show a row of dead letters, of that service's handler; ``run`` is the id of its run."""
    service, handler = title
    return DeadLetterInfo(
        number=row.number,
        event=row.event,
        service=service,
        handler=handler.name,
        key=row.key,
        cause=row.cause,
        error=row.error,
        attempts=row.attempts,
        times=row.times,
        state=row.state,
        at=to_datetime(row.at),
        changed_at=to_datetime(row.changed_at),
        changed_by=row.changed_by,
        why=row.why,
        run=run,
    )


def _answered(entry: Entry) -> Answered:
    answer = answered(entry.data)
    data = msgspec.json.decode(answer.data) if answer.edited else None
    what = "edit" if answer.edited else answer.what
    return Answered(what, entry.source, to_datetime(entry.at), answer.why, data)


def _traceback(journal: Entries) -> str:
    """Find the traceback of the last failure that a journal has."""
    for entry in reversed(journal):
        if entry.kind in (Kind.STEP, Kind.ATTEMPT) and entry.outcome is not Outcome.VALUE and entry.data:
            told = failure.decode(entry.data)
            return told.traceback or told.title
    return ""


def _reason(why: str) -> str:
    if not why.strip():
        raise InvalidInput(
            "A dead letter is discarded for a reason, and none was given.",
            "Whoever asks later why this event had no effect reads it.",
            'Say it: why="a test order, nobody waits for it".',
            value=why,
        )
    return why
