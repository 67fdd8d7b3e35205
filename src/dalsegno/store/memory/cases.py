"""Cases: their rows follow the events and runs that open them, close them, or say that two of them are one."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from dalsegno.core.cases import (
    CANCELLED,
    ENDED,
    OPEN,
    STAMP,
    Alias,
    CaseRow,
    EmitterRow,
    Process,
    ProcessRow,
    RebuildCases,
    RegisterProcesses,
    Rules,
    hearing,
)
from dalsegno.core.commit import Done, Start
from dalsegno.core.event import Event
from dalsegno.core.stamps import headed
from dalsegno.store.memory.tables import Tables

_Name = tuple[str, str]  # namespace and id of a case


class CaseVerbs(Tables):
    """What events, starts and registered processes mean for the rows of cases."""

    def _register_processes(self, item: RegisterProcesses) -> Done:
        changed = 0
        for one in item.processes:
            known = self._processes.get((item.namespace, one.name))
            if known is None or (known.tracking, known.declared) != (one.tracking, one.data):
                number = len(self._processes) + 1 if known is None else known.number
                row = ProcessRow(number, item.namespace, one.name, one.tracking, one.data, self.now())
                self._processes[item.namespace, one.name] = row
                changed += 1
        for emitter in item.emitters:
            name = (item.namespace, emitter.workflow, emitter.version)
            new = EmitterRow(*name, emitter.data)
            changed += self._emitters.get(name) != new
            self._emitters[name] = new
        return Done(changed)

    @property
    def _rules(self) -> Rules:
        return Rules(rows=sorted(self._processes.values(), key=lambda row: row.number))

    # -- what opens a case

    def _follow_start(self, item: Start) -> None:
        if item.case_id is not None and item.cause is None and item.parent is None:
            self._open_by_run(item.namespace, item.case_id, item.number, self.now(), self._head.last)

    def _open_by_run(self, namespace: str, case_id: str, run: int, at: int, upto: int) -> None:
        found = self._rules.process_of_case(namespace, case_id)
        name = self._survivor((namespace, case_id))
        if found is not None and name not in self._cases:
            process, key = found
            self._open(process, name, key, at=at, run=run, upto=upto)

    def _follow_event(self, event: Event) -> Event:
        """Find the case of an event that was just numbered, and let its row follow; return it as it is written."""
        rules = self._rules
        named = rules.naming(event.namespace, event.type)
        aliases = rules.aliases(event.namespace, event.type, event.codec, event.data)
        if not named and not aliases:
            return event
        if event.case_id is None:
            event = replace(event, case_id=self._find_case(event, named, aliases))
            self._events[event.number] = event
        if event.case_id is not None:
            name = self._survivor((event.namespace, event.case_id))
            case = self._cases.get(name)
            starts = [process for process in named if event.type in process.starts]
            if case is None and starts:
                self._open(starts[0], name, event.key, at=event.at, event=event.number, upto=event.number)
            elif case is not None:
                self._hear(case, event)
            for alias in aliases:
                name = self._know_alias(name, alias, event)
        return event

    def _stamp_event(self, event: Event) -> None:
        """Say in an event itself how its case stands, where that is known by stamps."""
        named = self._rules.naming(event.namespace, event.type)
        if event.case_id is not None and any(process.tracking == STAMP for process in named):
            case = self._cases.get(self._survivor((event.namespace, event.case_id)))
            if case is not None and case.tracking == STAMP:
                self._events[event.number] = replace(event, extra=headed(event.extra, case))

    def _find_case(self, event: Event, named: Iterable[Process], aliases: Iterable[Alias]) -> str | None:
        if event.key is not None:
            for process in named:
                if event.type in process.starts:
                    return process.case_of(event.key)
        for alias in aliases:
            if (event.namespace, alias) in self._aliases:
                return self._aliases[event.namespace, alias][0]
        for process in named if event.key is not None else ():
            found = [
                case
                for case in self._cases.values()
                if (case.namespace, case.process, case.key) == (event.namespace, process.name, event.key)
            ]
            own = process.case_of(event.key or "")
            if any(case.id == own for case in found):
                return own
            if found:
                return max(found, key=lambda case: case.number).id
        return None

    def _open(
        self,
        process: Process,
        name: _Name,
        key: str | None,
        *,
        at: int,
        upto: int,
        event: int | None = None,
        run: int | None = None,
    ) -> None:
        self._cases[name] = CaseRow(
            number=max((case.number for case in self._cases.values()), default=0) + 1,
            namespace=name[0],
            id=name[1],
            process=process.name,
            key=key,
            tracking=process.tracking,
            state=OPEN,
            started_at=at,
            began_event=event,
            began_run=run,
            due_at=None if process.due is None else at + process.due,
            end=None,
            end_event=None,
            ended_at=None,
        )
        self._close(name, upto)

    # -- what closes it

    def _hear(self, case: CaseRow, event: Event) -> None:
        """Close an open case if its next event does so, alone or with those that it has heard."""
        process = self._rules.process(case.namespace, case.process)
        if case.state != OPEN or process is None or event.type not in process.closing:
            return
        state = CANCELLED if event.type == process.cancel else ENDED
        if process.closes_alone(event.type) or process.closes_with(event.type, case.heard):
            closed = {"state": state, "end": event.type, "end_event": event.number, "ended_at": event.at}
            self._cases[case.namespace, case.id] = replace(case, **closed)
        else:
            heard = hearing((event.type, *case.heard.split("\n")))
            self._cases[case.namespace, case.id] = replace(case, heard=heard)

    def _close(self, name: _Name, upto: int) -> None:
        """Close a case if its events up to one, under all its names, say so."""
        case = self._cases[name]
        process = self._rules.process(case.namespace, case.process)
        if case.state != OPEN or process is None:
            return
        names = self._names(name)
        there = [
            (event.number, event.type, event.at)
            for number, event in sorted(self._events.items())
            if number <= upto and _name(event) in names and event.type in process.closing
        ]
        end = process.closes(there)
        if end is None:
            self._cases[name] = replace(case, heard=hearing(type_ for _, type_, _ in there))
        else:
            self._cases[name] = replace(
                case, state=end.state, end=end.type, end_event=end.event, ended_at=end.at
            )

    # -- several names, and several keys

    def _survivor(self, name: _Name) -> _Name:
        return (name[0], self._merged[name]) if name in self._merged else name

    def _names(self, name: _Name) -> list[_Name]:
        """Return all names of a case, by the one that it has by now."""
        return [name, *sorted(one for one, into in self._merged.items() if (one[0], into) == name)]

    def _know_alias(self, name: _Name, alias: Alias, event: Event) -> _Name:
        case = self._cases.get(name)
        known, _ = self._aliases.get((name[0], alias), (None, 0))
        if known == name[1] or case is None or case.process != alias.process:
            return name
        if known is None:
            self._aliases[name[0], alias] = name[1], event.number
            return name
        other = self._cases.get((name[0], known))
        if other is None:  # retention has removed it
            self._move_aliases((name[0], known), name[1])
            return name
        elder, younger = sorted((case, other), key=lambda one: one.number)
        self._merge(elder, younger, event)
        return elder.namespace, elder.id

    def _move_aliases(self, name: _Name, into: str) -> None:
        for (namespace, alias), (case_id, event) in self._aliases.items():
            if (namespace, case_id) == name:
                self._aliases[namespace, alias] = into, event

    def _merge(self, elder: CaseRow, younger: CaseRow, event: Event) -> None:
        into, gone = (elder.namespace, elder.id), (younger.namespace, younger.id)
        del self._cases[gone]
        self._move_aliases(gone, elder.id)
        for one in self._names(gone):
            self._merged[one] = elder.id
        self._close(into, event.number)
        names = self._names(into)
        cancelled = [self._cancelled[one] for one in names if one in self._cancelled]
        if cancelled:
            self._joined.append((names, min(cancelled)))

    # -- retention, and rebuilding

    def _forget_cases(self, before: int) -> None:
        for name, case in list(self._cases.items()):
            if case.end_event is not None and case.end_event < before:
                self._drop_case(name)

    def _drop_case(self, name: _Name) -> None:
        del self._cases[name]
        self._merged = {one: into for one, into in self._merged.items() if (one[0], into) != name}
        self._aliases = {key: value for key, value in self._aliases.items() if (key[0], value[0]) != name}

    def _rebuild_cases(self, item: RebuildCases) -> Done:
        runs = sorted(
            (rows.run.created_at, rows.run.number, rows.run.case_id)
            for rows in self._rows.values()
            if rows.run.case_id is not None
            and (rows.run.namespace, rows.run.cause, rows.run.parent) == (item.namespace, None, None)
        )
        numbers = {number for _, number, _ in runs}
        for name, case in list(self._cases.items()):
            if name[0] == item.namespace:
                there = case.began_event is not None and case.began_event >= self._head.first
                if there or case.began_run in numbers:
                    self._drop_case(name)
        for event in [*self._events.values()]:
            while runs and runs[0][0] <= event.at:
                at, number, case_id = runs.pop(0)
                self._open_by_run(item.namespace, case_id, number, at, event.number - 1)
            if event.namespace == item.namespace and event.case_id is not None:
                self._follow_event(event)
        for at, number, case_id in runs:
            self._open_by_run(item.namespace, case_id, number, at, self._head.last)
        self._joined.clear()  # they were told when they joined
        return Done(sum(name[0] == item.namespace for name in self._cases))


def _name(event: Event) -> tuple[str, str | None]:
    return event.namespace, event.case_id
