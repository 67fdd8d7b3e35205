"""Cases: what a process declares, read as rules, and the row that says where one of its cases stands.

The rules are read by whoever writes events: the row of a case is written in the transaction of the event
that opens, ends or cancels it, so it never lags.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import msgspec

from dalsegno.core.event import Event

OPEN, ENDED, CANCELLED = "open", "ended", "cancelled"
STATES = (OPEN, ENDED, CANCELLED)
EVENT_SOURCED, STAMP, FRONT_CONTROLLER = "event_sourced", "stamp", "front_controller"
TRACKINGS = (EVENT_SOURCED, STAMP, FRONT_CONTROLLER)


class ProcessRow(msgspec.Struct, frozen=True):
    """A process as the store has it; ``declared`` is JSON."""

    number: int
    namespace: str
    name: str
    tracking: str
    declared: bytes
    changed_at: int


class EmitterRow(msgspec.Struct, frozen=True):
    """A workflow that emits events, as its code declares it; ``declared`` is JSON."""

    namespace: str
    workflow: str
    version: str
    declared: bytes


class NewProcess(msgspec.Struct, frozen=True):
    """A process that is to be known."""

    name: str
    tracking: str = "event_sourced"
    data: bytes = b"{}"


class NewEmitter(msgspec.Struct, frozen=True):
    """A workflow whose events are to be known."""

    workflow: str
    version: str
    data: bytes = b"{}"


class RegisterProcesses(msgspec.Struct, frozen=True):
    """Make processes known, and what workflows emit. Idempotent; what is declared anew replaces what was.

    The verdict is ``Done`` with how many of them were not known like this.
    """

    namespace: str
    processes: tuple[NewProcess, ...] = ()
    emitters: tuple[NewEmitter, ...] = ()


class RebuildCases(msgspec.Struct, frozen=True):
    """Make the rows of cases anew from the log, and from the runs that began a case.

    A case whose beginning retention has removed is left as it is. The verdict is ``Done`` with how many
    rows there are.
    """

    namespace: str


class CaseRow(msgspec.Struct, frozen=True, gc=False):
    """One case: what opened it, by when it is due, and how it ended.

    ``began_event`` or ``began_run`` opened it. ``end`` is the type of the event that ended or cancelled
    it, ``end_event`` its number. ``heard`` are the types that came while it was open of those that end
    it together, each on a line.
    """

    number: int
    namespace: str
    id: str
    process: str
    key: str | None
    tracking: str
    state: str
    started_at: int
    began_event: int | None
    began_run: int | None
    due_at: int | None
    end: str | None
    end_event: int | None
    ended_at: int | None
    heard: str = ""


class Alias(msgspec.Struct, frozen=True, order=True):
    """Another key by which a case is found: a field of one of its events."""

    process: str
    name: str
    value: str


class Process(msgspec.Struct, frozen=True):
    """What a process declares, as far as the rows of its cases follow from it. Lengths are microseconds."""

    name: str
    tracking: str
    starts: frozenset[str]
    ends: tuple[frozenset[str], ...]
    cancel: str | None
    due: int | None
    keys: tuple[tuple[str, str], ...]

    @property
    def types(self) -> frozenset[str]:
        """All event types that it names."""
        cancel = () if self.cancel is None else (self.cancel,)
        return self.starts.union(*self.ends, cancel)

    @property
    def closing(self) -> frozenset[str]:
        """The event types that end a case, alone or with others, or cancel it."""
        cancel = () if self.cancel is None else (self.cancel,)
        return frozenset(cancel).union(*self.ends)

    def looks_at(self, type_: str) -> bool:
        """Whether an event of a type may say something of its cases that is recorded."""
        return self.tracking != FRONT_CONTROLLER or type_ in self.types

    def case_of(self, key: str) -> str:
        """Name the case that an event of this key starts."""
        return f"{self.name}-{key}"

    def closes(self, there: Iterable[tuple[int, str, int]]) -> End | None:
        """Say how a case stands whose events of ``closing`` types are these, as (number, type, at), in order."""
        seen: set[str] = set()
        for number, type_, at in there:
            if type_ == self.cancel:
                return End(CANCELLED, type_, number, at)
            seen.add(type_)
            if any(type_ in each and seen >= each for each in self.ends):
                return End(ENDED, type_, number, at)
        return None

    def closes_alone(self, type_: str) -> bool:
        """Whether one event of a type is enough to close a case."""
        return type_ == self.cancel or frozenset((type_,)) in self.ends

    def closes_with(self, type_: str, heard: str) -> bool:
        """Whether an event of a type closes a case that has heard others, each on a line."""
        seen = {type_, *heard.split("\n")}
        return any(type_ in each and seen >= each for each in self.ends)


def hearing(types: Iterable[str]) -> str:
    """Write types as ``CaseRow.heard`` has them."""
    return "\n".join(sorted(set(types) - {""}))


class End(msgspec.Struct, frozen=True):
    """How a case is over, and by which event."""

    state: str
    type: str
    event: int
    at: int


class _Declaration(msgspec.Struct):
    """As much of a process's declaration as is a rule."""

    starts: list[tuple[str, int]] = []
    ends: list[list[tuple[str, int]]] = []
    cancel: tuple[str, int] | None = None
    due: int | None = None
    keys: dict[str, str] = {}


def process_of(row: ProcessRow) -> Process:
    """Read a row as the rules that it declares."""
    told = msgspec.json.decode(row.declared, type=_Declaration)
    return Process(
        row.name,
        row.tracking,
        frozenset(name for name, _ in told.starts),
        tuple(frozenset(name for name, _ in each) for each in told.ends),
        None if told.cancel is None else told.cancel[0],
        told.due,
        tuple(told.keys.items()),
    )


Said: TypeAlias = tuple[tuple[Process, ...], tuple[Alias, ...]]
"""What an event says of cases: the processes that name its type, and the further keys that it carries."""


class Rules:
    """All processes of a store, by what one asks of them; ``mark`` tells whether there are newer ones.

    ``merged`` tells whether some case had several names when they were read.
    """

    def __init__(self, mark: int = 0, rows: Iterable[ProcessRow] = (), *, merged: bool = False) -> None:
        self.mark = mark
        self._merged = merged
        self._named: dict[tuple[str, str], tuple[Process, ...]] = {}
        self._processes: dict[tuple[str, str], Process] = {}
        self._by_length: dict[str, list[Process]] = {}
        self._fields: dict[str, list[tuple[Process, str, str, bytes]]] = {}
        for row in rows:
            self._add(row.namespace, process_of(row))

    def _add(self, namespace: str, process: Process) -> None:
        self._processes[namespace, process.name] = process
        for type_ in process.types:
            self._named[namespace, type_] = (*self._named.get((namespace, type_), ()), process)
        names = self._by_length.setdefault(namespace, [])
        names.append(process)
        names.sort(key=lambda one: (-len(one.name), one.name))
        for name, field in process.keys:
            found = self._fields.setdefault(namespace, [])
            found.append((process, name, field, msgspec.json.encode(field)))

    def __bool__(self) -> bool:
        return bool(self._processes)

    def said_by(self, event: Event) -> Said | None:
        """Tell what an event says of cases; None for most, of which no more is to be done."""
        named = self._named.get((event.namespace, event.type), ())
        keyed = event.namespace in self._fields
        aliases = self.aliases(event.namespace, event.type, event.codec, event.data) if keyed else ()
        return (named, aliases) if named or aliases else None

    def naming(self, namespace: str, type_: str) -> tuple[Process, ...]:
        """Return the processes that name an event type."""
        return self._named.get((namespace, type_), ())

    def process(self, namespace: str, name: str) -> Process | None:
        """Return a process by its name."""
        return self._processes.get((namespace, name))

    def process_of_case(self, namespace: str, case_id: str) -> tuple[Process, str] | None:
        """Tell of whose case a run is by the case's name, and return its key; the longest name wins."""
        for process in self._by_length.get(namespace, ()):
            if case_id.startswith(process.name + "-") and len(case_id) > len(process.name) + 1:
                return process, case_id[len(process.name) + 1 :]
        return None

    def may_merge(self, namespace: str) -> bool:
        """Whether a case there may have several names: a process has further keys, or once had them."""
        return self._merged or namespace in self._fields

    def aliases(self, namespace: str, type_: str, codec: int, data: bytes | None) -> tuple[Alias, ...]:
        """Read from an event's payload the further keys that processes declare; JSON alone is looked at.

        A process of which only starts and ends are recorded looks at the events that it names, no others.
        """
        fields = self._fields.get(namespace)
        if fields is None or data is None or codec != _JSON:
            return ()
        wanted = [one for one in fields if one[3] in data and one[0].looks_at(type_)]
        if not wanted:
            return ()
        payload = _payload(data)
        return tuple(
            Alias(process.name, name, text)
            for process, name, field, _ in wanted
            if (text := _text(payload.get(field))) is not None
        )


_JSON = 1
_NO_RULES = Rules()


def _payload(data: bytes) -> Mapping[str, Any]:
    try:
        found = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):  # no JSON, whatever it says it is
        return {}
    return found if isinstance(found, dict) else {}


def _text(value: object) -> str | None:
    """Write a key's value as text; what is neither text nor a whole number is no key."""
    if isinstance(value, str):
        return value or None
    return str(value) if type(value) is int else None


class Shelf:
    """Where one writer keeps the rules that it read last."""

    def __init__(self) -> None:
        self.rules = _NO_RULES
