"""A journal as people read it: each entry a mark, and less of what repeats itself."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from dalsegno.client.standing import Mark, Trouble
from dalsegno.core import failure
from dalsegno.core.clock import to_datetime
from dalsegno.core.codec import JSON
from dalsegno.core.entries import Entry, Kind, Outcome
from dalsegno.errors import NotDecodable
from dalsegno.events.reaction import answered

_MESSAGE = 500  # characters of an error that a mark repeats

_OUTCOMES = {
    Outcome.VALUE: "done",
    Outcome.ERROR: "failed",
    Outcome.UNKNOWN: "unknown",
    Outcome.CANCELLED: "cancelled",
}


class Marks:
    """Makes marks of one run's entries, given in order from its first."""

    def __init__(self) -> None:
        self._steps: dict[int, str] = {}

    def mark(self, entry: Entry) -> Mark:
        """Say what an entry says."""
        undoes, source = "", entry.source
        if entry.kind in (Kind.STEP, Kind.ATTEMPT):
            undoes, source = self._undone(entry.source), ""
            self._steps[entry.op] = entry.name
        return Mark(
            position=entry.position,
            at=to_datetime(entry.at),
            kind=_kind(entry),
            name=entry.name,
            op=entry.op,
            outcome=_outcome(entry),
            attempt=entry.attempt,
            source=source,
            undoes=undoes,
            error=_error(entry),
            said=_said(entry),
        )

    def _undone(self, source: str) -> str:
        """Name the step that a compensation undoes: its entries say which op that was, as "#3"."""
        number = source.removeprefix("#")
        return self._steps.get(int(number), source) if number.isdecimal() else ""


def condensed(marks: Iterable[Mark]) -> list[Mark]:
    """Leave out what a later mark says too: attempts that another followed, intents that were carried out."""
    kept: list[Mark] = []
    intents: dict[int, Mark] = {}
    for mark in marks:
        if mark.kind in ("step", "attempt") and (intent := intents.pop(mark.op, None)):
            kept.remove(intent)
        if mark.kind == "intent":
            intents[mark.op] = mark
        last = kept[-1] if kept else None
        if last is not None and last.kind == mark.kind == "attempt" and last.op == mark.op:
            kept.pop()
        kept.append(mark)
    return kept


def trouble(data: bytes | None) -> Trouble | None:
    """Read a stored error, so far as it can be read here."""
    if not data:
        return None
    try:
        told = failure.decode(data)
    except NotDecodable as error:
        return Trouble("unreadable", error.what)
    return Trouble(told.type.removeprefix("builtins."), told.message, told.traceback)


def _said(entry: Entry) -> str:
    """Read what a person said of a dead letter, if that is what the entry holds."""
    if entry.kind is not Kind.HOLD or not entry.data:
        return ""
    try:
        answer = answered(entry.data)
    except msgspec.MsgspecError:
        return ""
    what = "edit" if answer.edited else answer.what
    return f"{what}: {answer.why}" if answer.why else what


def _kind(entry: Entry) -> str:
    if entry.kind is Kind.HOLD:
        return "answer"
    if entry.kind is Kind.CHILD and entry.outcome is Outcome.VALUE and entry.data is None:
        return "detached"  # it was started, and its result is not for this run
    return entry.kind.name.lower()


def _outcome(entry: Entry) -> str:
    if entry.kind is Kind.INTENT:
        return "open"
    if entry.kind is Kind.ATTEMPT:
        return "unknown" if entry.outcome is Outcome.UNKNOWN else "failed"
    return _OUTCOMES[entry.outcome]


def _error(entry: Entry) -> str:
    if entry.outcome is Outcome.VALUE or entry.data is None or entry.codec != JSON:
        return ""
    told = trouble(entry.data)
    return told.brief[:_MESSAGE] if told is not None else ""
