"""The rows of cases: written with the event or the run that opens, ends or cancels one, or says that two are one."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from dalsegno.core.cases import (
    CANCELLED,
    ENDED,
    OPEN,
    STAMP,
    Alias,
    CaseRow,
    Process,
    ProcessRow,
    RebuildCases,
    RegisterProcesses,
    Rules,
    Said,
    hearing,
)
from dalsegno.core.commit import Done, Start
from dalsegno.core.event import Event
from dalsegno.core.stamps import headed
from dalsegno.store.rows import event_of
from dalsegno.store.verbs.group import Group, Verb

_PAGE = 1_000  # events that a rebuild reads at once


class Cancelling(msgspec.Struct, frozen=True):
    """A case under all its names, the event that cancels it, on whose behalf, and which run has emitted that."""

    namespace: str
    names: Sequence[str]
    event: int
    sender: str
    run: int | None = None


class News(msgspec.Struct):
    """What a group brings: the events that processes name, by case (number, type and time), not written yet.

    ``merged`` tells whether any case has another name, once that was asked; ``cancelled`` are those that turned
    out to be one with a case that is cancelled.
    """

    named: dict[tuple[str, str | None], list[tuple[int, str, int]]] = {}
    merged: bool | None = None
    cancelled: list[Cancelling] = []


def register(item: RegisterProcesses, group: Group) -> Verb:
    """Make processes known, and what workflows emit."""
    changed = 0
    for process in item.processes:
        row = (item.namespace, process.name, process.tracking, process.data, group.wall)
        changed += yield "know_process", row
    if changed:
        group.raised = True
        yield "raise_processes", ()
    for emitter in item.emitters:
        told = (item.namespace, emitter.workflow, emitter.version, emitter.data)
        changed += yield "know_emitter", told
    return Done(changed)


def rules_of(group: Group, mark: int) -> Verb:
    """Return the rules of all processes, read again if there are newer ones."""
    known = group.shelf.rules
    if known.mark == mark and not group.raised:
        return known
    rows = [ProcessRow(*row) for row in (yield "read_all_processes", ())]
    rules = Rules(mark, rows, merged=bool((yield "any_merged", ())))
    if not group.raised:  # what this very group has registered may be rolled back
        group.shelf.rules = rules
    return rules


# -- runs


def follow_start(item: Start, group: Group) -> Verb:
    """Open the case of a run that was just started, if it is the first of it."""
    if item.case_id is None or item.cause is not None or item.parent is not None:
        return
    ((mark,),) = yield "count_processes", ()
    if not mark:
        return
    rules: Rules = yield from rules_of(group, mark)
    yield from _open_by_run(rules, item.namespace, item.case_id, item.number, group.wall)


def _open_by_run(rules: Rules, namespace: str, name: str, run: int, at: int, upto: int | None = None) -> Verb:
    found = rules.process_of_case(namespace, name)
    if found is None:
        return
    case_id = (yield from _survivor(namespace, name)) if rules.may_merge(namespace) else name
    process, key = found
    if upto is None:
        ((upto, _, _),) = yield "read_head", ()
    if (yield from _open(process, (namespace, case_id, key), at, (None, run))):
        yield from _close(process, namespace, case_id, upto, News())


# -- events


def follow(event: Event, said: Said, rules: Rules, news: News) -> Verb:
    """Find the case of an event, and let its row follow; return the event as it is to be written."""
    named, aliases = said
    if event.case_id is None:
        found = yield from _find(event, named, aliases)
        if found is None:
            return event
        event = replace(event, case_id=found)
    assert event.case_id is not None
    case_id = event.case_id
    if rules.may_merge(event.namespace):
        if news.merged is None:
            news.merged = bool((yield "any_merged", ()))
        case_id = (yield from _survivor(event.namespace, case_id)) if news.merged else case_id
    if named:
        yield from _follow_named(event, case_id, named, rules, news)
    for alias in aliases:
        case_id = yield from _know_alias(event, case_id, alias, rules, news)
    for process in named:
        if process.tracking == STAMP:
            return (yield from _stamp(event, case_id))
    return event


def _stamp(event: Event, case_id: str) -> Verb:
    """Say in the event itself how its case stands, where that is known by stamps."""
    rows = yield "read_case", (event.namespace, case_id)
    case = CaseRow(*rows[0]) if rows else None
    if case is None or case.tracking != STAMP:
        return event
    return replace(event, extra=headed(event.extra, case))


def _find(event: Event, named: Sequence[Process], aliases: Sequence[Alias]) -> Verb:
    """Find the case that an event without one belongs to: it starts it, names its key, or one of its other keys."""
    if event.key is not None:
        for process in named:
            if event.type in process.starts:
                return process.case_of(event.key)
    for alias in aliases:
        for (case_id,) in (yield "case_of_alias", (event.namespace, alias.process, alias.name, alias.value)):
            return case_id
    if event.key is not None:
        for process in named:
            asked = (event.namespace, process.name, event.key, process.case_of(event.key))
            for (case_id,) in (yield "case_of_key", asked):
                return case_id
    return None


def _follow_named(event: Event, case_id: str, named: Sequence[Process], rules: Rules, news: News) -> Verb:
    """Open a case, or close it, where an event that its process names says so."""
    mine = news.named.setdefault((event.namespace, event.case_id), [])
    mine.append((event.number, event.type, event.at))
    for process in named:
        if event.type in process.starts:
            whose, how = (event.namespace, case_id, event.key), (event.number, None)
            if (yield from _open(process, whose, event.at, how)):
                first = yield "first_of_case", (event.namespace, case_id)
                closing = event.type in process.closing
                if first or closing or len(mine) > 1 or news.merged:
                    yield from _close(process, event.namespace, case_id, event.number, news)
                return
            break  # it is there already, be it of another process
    for process in named:
        if process.closes_alone(event.type):
            state = CANCELLED if event.type == process.cancel else ENDED
            closed = (state, event.type, event.number, event.at)
            yield "close_case", (event.namespace, case_id, process.name, *closed)
        elif event.type in process.closing:
            yield from _hear(process, event, case_id)


def _hear(process: Process, event: Event, case_id: str) -> Verb:
    """Note that one of several events has come that end a case together; the last of them does."""
    rows = yield "read_case", (event.namespace, case_id)
    case = CaseRow(*rows[0]) if rows else None
    if case is None or (case.process, case.state) != (process.name, OPEN):
        return
    if process.closes_with(event.type, case.heard):
        closed = (ENDED, event.type, event.number, event.at)
        yield "close_case", (event.namespace, case_id, process.name, *closed)
    elif event.type not in case.heard.split("\n"):
        heard = hearing((event.type, *case.heard.split("\n")))
        yield "hear_case", (event.namespace, case_id, heard)


def _open(
    process: Process, whose: tuple[str, str, str | None], at: int, how: tuple[int | None, int | None]
) -> Verb:
    """Open a case (namespace, id, key) by an event or a run; tell whether it is new."""
    namespace, case_id, key = whose
    due_at = None if process.due is None else at + process.due
    return (yield "open_case", (namespace, case_id, process.name, key, process.tracking, at, *how, due_at))


def _close(process: Process, namespace: str, case_id: str, upto: int, news: News) -> Verb:
    """Close a case if its events, under all its names, say so: those on the log and those to be written."""
    names = [case_id, *(name for (name,) in (yield "members_of", (namespace, case_id)))]
    types = "\n".join(("", *sorted(process.closing), ""))
    there: list[tuple[int, str, int]] = []
    for name in names:
        there += yield "closing_events", (namespace, name, types, upto)
        there += [one for one in news.named.get((namespace, name), ()) if one[1] in process.closing]
    end = process.closes(sorted(set(there)))
    if end is None:
        yield "hear_case", (namespace, case_id, hearing(type_ for _, type_, _ in there))
    else:
        closed = (end.state, end.type, end.event, end.at)
        yield "close_case", (namespace, case_id, process.name, *closed)


# -- other keys, and cases that turn out to be one


def _survivor(namespace: str, case_id: str) -> Verb:
    """Return the name that a case has by now."""
    for (into,) in (yield "merged_into", (namespace, case_id)):
        return into
    return case_id


def _know_alias(event: Event, case_id: str, alias: Alias, rules: Rules, news: News) -> Verb:
    """Keep another key of a case; one that another case has already makes them one. Return its name then."""
    asked = (event.namespace, alias.process, alias.name, alias.value)
    known = yield "case_of_alias", asked
    if known and known[0][0] == case_id:
        return case_id
    rows = yield "read_case", (event.namespace, case_id)
    if not rows or rows[0][_PROCESS] != alias.process:
        return case_id
    if not known:
        yield "add_alias", (*asked, case_id, event.number)
        return case_id
    others = yield "read_case", (event.namespace, known[0][0])
    if not others:  # retention has removed it
        yield "move_aliases", (event.namespace, known[0][0], case_id)
        return case_id
    elder, younger = sorted((CaseRow(*rows[0]), CaseRow(*others[0])), key=lambda case: case.number)
    yield from _merge(event, elder, younger, rules, news)
    return elder.id


def _merge(event: Event, elder: CaseRow, younger: CaseRow, rules: Rules, news: News) -> Verb:
    """Make one case of two: the elder takes over the keys and the names of the younger, and its events count."""
    namespace, news.merged = event.namespace, True
    yield "drop_case", (namespace, younger.id)
    yield "move_aliases", (namespace, younger.id, elder.id)
    yield "move_members", (namespace, younger.id, elder.id)
    yield "merge_case", (namespace, younger.id, elder.id, event.number, event.at)
    process = rules.process(namespace, elder.process)
    if process is not None and elder.state == OPEN:
        yield from _close(process, namespace, elder.id, event.number, news)
    names = [elder.id, *(name for (name,) in (yield "members_of", (namespace, elder.id)))]
    cancelled: list[tuple[int, str]] = []
    for name in names:
        cancelled += yield "cancelled_by", (namespace, name)
    if cancelled:
        news.cancelled.append(Cancelling(namespace, names, *min(cancelled)))


def names_of(namespace: str, case_id: str) -> Verb:
    """Return all names of a case, by any of them: the one that it has by now comes first."""
    survivor = yield from _survivor(namespace, case_id)
    return [survivor, *(name for (name,) in (yield "members_of", (namespace, survivor)))]


# -- retention, and rebuilding


def forget(before: int) -> Verb:
    """Remove cases whose end was forgotten, with all their keys."""
    gone = [tuple(row) for row in (yield "cases_over", (before,))]
    if gone:
        for name in ("forget_aliases", "forget_merged", "drop_case"):
            yield name, gone


def rebuild(item: RebuildCases, group: Group) -> Verb:
    """Make the rows of cases anew, in the order in which they were made."""
    ((mark,),) = yield "count_processes", ()
    rules: Rules = yield from rules_of(group, mark)
    ((last, first, _),) = yield "read_ends", ()
    runs = [tuple(row) for row in (yield "case_runs", (item.namespace,))]
    yield from _clear(item.namespace, first, {number for number, _, _ in runs})
    position = first - 1
    while events := [event_of(row) for row in (yield "read_log", (position, _PAGE))]:
        for event in events:
            while runs and runs[0][2] <= event.at:
                yield from _again(rules, item.namespace, runs.pop(0), event.number - 1)
            if event.namespace == item.namespace and event.case_id is not None:
                said = rules.said_by(event)
                if said is not None:
                    yield from follow(event, said, rules, News())
        position = events[-1].number
    for run in runs:
        yield from _again(rules, item.namespace, run, last)
    ((count,),) = yield "count_cases", (item.namespace,)
    return Done(count)


def _again(rules: Rules, namespace: str, run: tuple[int, str, int], upto: int) -> Verb:
    number, case_id, at = run
    yield from _open_by_run(rules, namespace, case_id, number, at, upto)


def _clear(namespace: str, first: int, runs: set[int]) -> Verb:
    """Remove the rows whose beginning is still there to make them again."""
    for row in (yield "begun_cases", (namespace,)):
        case = CaseRow(*row)
        if case.began_run in runs or (case.began_event is not None and case.began_event >= first):
            for name in ("forget_aliases", "forget_merged", "drop_case"):
                yield name, [(namespace, case.id)]


_PROCESS = CaseRow.__struct_fields__.index("process")
