"""One play, as a test sees it: start runs in virtual time, wait for months, and look at what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any, Generic, TypeVar, overload

from dalsegno.client import RunInfo
from dalsegno.client.dead_letters import DeadLetterInfo
from dalsegno.client.event_views import EventInfo, info_of
from dalsegno.core.clock import to_datetime
from dalsegno.core.durations import Duration, microseconds
from dalsegno.core.entries import Entry
from dalsegno.core.notes import decode
from dalsegno.core.runs import Run
from dalsegno.engine.definitions import Definition, Workflow
from dalsegno.engine.registry import Registry
from dalsegno.errors import ResultTimeout, RunNotFound
from dalsegno.events.keeping import Keeping
from dalsegno.events.known import Known
from dalsegno.events.process import Process
from dalsegno.events.service import Service
from dalsegno.events.types import event_type, own_event_type
from dalsegno.insight.recording import record
from dalsegno.testing.callers import globals_of_caller
from dalsegno.testing.deeds import Effect
from dalsegno.testing.invariants import peek
from dalsegno.testing.stage import Stage
from dalsegno.testing.world import Stuck

T = TypeVar("T")
I = TypeVar("I")
O = TypeVar("O")

_NAMED = 5  # runs that an error names


class PlayedRun(Generic[O]):
    """A run in a play: what ``dalsegno.Run`` is to a program, and its journal."""

    def __init__(self, id: str, stage: Stage) -> None:
        self.id = id
        self._stage = stage

    def result(self, timeout: Duration | None = None) -> O:
        """Let time pass until the run has ended; return its result.

        ``timeout`` is virtual. Raises ``RunFailed``, ``RunCancelled`` or ``ResultTimeout``, and
        ``Stuck`` for a run that waits for what nobody will do.
        """
        stage = self._stage
        target = None if timeout is None else stage.clock.now() + microseconds(timeout, what="timeout")
        self.info()  # raises for one that is not there
        if not stage.until_ended(self.id, target):
            if target is not None and stage.clock.now() >= target:
                raise ResultTimeout(
                    f"Run {self.id} had no result after {timeout} of virtual time; it is {self.status()}.",
                    "The run goes on as time passes; only this wait has ended.",
                    "Wait for longer, or send it what it waits for; .info() and .journal() show how far it is.",
                    run_id=self.id,
                )
            raise Stuck(f"run {self.id} {_standing(stage.row(self.id))}, and nothing will happen any more")
        value: O = stage.drive(stage.ask(lambda client: client.run(self.id).result()))
        return value

    def status(self) -> str:
        """Return the run's status now."""
        return self.info().status

    def info(self) -> RunInfo:
        """Return what a list shows of the run."""
        return self._stage.drive(self._stage.ask(lambda client: client.run(self.id).info()))

    def signal(
        self, payload: Any, *, name: str | None = None, id: str | None = None, sender: str = ""
    ) -> bool:
        """Send it a signal, as ``dalsegno.Run.signal`` does.

        One without an id gets one, so that it comes once though its sender crashes and sends it again.
        """
        stage = self._stage
        known = id if id is not None else f"signal-{stage.next_number()}"
        return stage.drive(
            stage.ask(lambda client: client.signal(self.id, payload, name=name, id=known, sender=sender))
        )

    def cancel(self, *, sender: str = "") -> bool:
        """Ask for it to be cancelled, as ``dalsegno.Run.cancel`` does."""
        return self._stage.drive(self._stage.ask(lambda client: client.cancel(self.id, sender=sender)))

    def retry(self, *, sender: str = "") -> bool:
        """Try it again where it is parked, as ``dalsegno.Run.retry`` does."""
        return self._stage.drive(self._stage.ask(lambda client: client.retry(self.id, sender=sender)))

    def journal(self) -> list[Entry]:
        """Return the run's journal as it is in the store: entries with ``kind``, ``name``, ``outcome``."""
        return peek(self._stage.store.journal(self._row().number))

    def record(self, folder: str | Path) -> Path:
        """Write the run with its journal into a file of the folder, for ``replay_journals``."""
        return peek(record(self._stage.store, self._row())).save(Path(folder))

    def _row(self) -> Run:
        stage = self._stage
        row = stage.row(self.id)
        if row is None:
            raise RunNotFound(
                f"There is no run {self.id!r} in this play.",
                "The scenario has not started it.",
                f"{_ids(stage.runs())} Start it, or look at the id.",
                run_id=self.id,
                store=stage.store.address,
            )
        return row

    def __repr__(self) -> str:
        return f"<PlayedRun {self.id}>"


class Play:
    """One play in virtual time, with a client's verbs in ``def``, whatever colour the workflows have.

    A scenario gets it and does what a program would; a check gets it when all has come to rest.
    ``plan`` says what befell it, "clean" if nothing did.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.plan = str(stage.script.plan)

    @overload
    def start(self, workflow: Workflow[None, O], /, *, id: str | None = None) -> PlayedRun[O]: ...
    @overload
    def start(self, workflow: Workflow[I, O], input: I, /, *, id: str | None = None) -> PlayedRun[O]: ...
    def start(self, workflow: Any, input: Any = None, /, *, id: str | None = None) -> PlayedRun[Any]:
        """Start a run; without an id it is called after its workflow, as in ``place_order-1``."""
        stage = self._stage
        run_id = id if id is not None else f"{workflow.__name__}-{stage.next_number()}"
        stage.drive(stage.ask(lambda client: client.start(workflow, input, id=run_id)))
        return PlayedRun(run_id, stage)

    def run(self, id: str) -> PlayedRun[Any]:
        """Return the handle of a run, such as a child's; nothing is read yet."""
        return PlayedRun(id, self._stage)

    def runs(self) -> list[PlayedRun[Any]]:
        """Return all runs of the play, the first one first."""
        return [PlayedRun(row.id, self._stage) for row in self._stage.runs()]

    def sleep(self, length: Duration) -> None:
        """Let virtual time pass: what comes due meanwhile happens, in its order."""
        self._stage.pass_time(microseconds(length, what="length"))

    def emit(self, *events: Any, id: str | None = None, case_id: str | None = None) -> list[int]:
        """Put events on the log, as ``dalsegno.Client.emit`` does, one by one; return their numbers.

        Those without an id get one, so that each is there once though its sender crashes and sends it again.
        """
        return [self._emit(event, id if len(events) == 1 else None, case_id) for event in events]

    def _emit(self, event: Any, id: str | None, case_id: str | None) -> int:
        own = own_event_type(type(event)) is not None  # another, an Envelope, has its own id
        known = id if id is not None or not own else f"event-{self._stage.next_number()}"
        [number] = self._stage.emit(lambda client: client.emit(event, id=known, case_id=case_id))
        return number

    @overload
    def events(self, cls: None = None, /, *, key: str | None = None) -> list[EventInfo]: ...
    @overload
    def events(self, cls: type[T], /, *, key: str | None = None) -> list[T]: ...
    def events(self, cls: type[Any] | None = None, /, *, key: str | None = None) -> list[Any]:
        """Return what is on the log, in its order: the events of a class, of one key if wanted.

        Without a class they are ``EventInfo``, with their types, keys, cases and causes.
        """
        rows = self._stage.invariants.chronicle.events.values()
        found = [row for row in rows if key in (None, row.key)]
        if cls is None:
            return [info_of(row) for row in found]
        kind, types = event_type(cls), self._stage.known.types
        return [
            types.convert(row.type, row.data or b"null", row.version, kind)
            for row in found
            if row.type == kind.name
        ]

    def state(self, service: Service, key: str) -> Any:
        """Return what a service keeps of a key, None where it keeps nothing."""
        rows = self._stage.invariants.reacting.services.values()
        number = next((row.number for row in rows if row.name == service.name), None)
        kept = None if number is None else peek(self._stage.store.kept(number, key))
        return None if kept is None or service.state is None else Keeping(service).read(kept)

    def dead_letters(self) -> list[DeadLetterInfo]:
        """Return the dead letters that are open, the newest first."""
        return self._stage.drive(self._stage.ask(lambda client: client.dead_letters.list()))

    def redrive(self, number: int) -> bool:
        """Let a dead letter be tried again, as a person would who has mended what it failed of."""
        return self._stage.drive(self._stage.ask(lambda client: client.dead_letters.redrive(number)))

    def cancel_case(self, event: Any, /) -> int:
        """Cancel a case by its process's ``cancel=`` event; return the event's number."""
        return self._stage.drive(self._stage.ask(lambda client: client.cancel_case(event)))

    def now(self) -> datetime:
        """Return the virtual time, as ``dalsegno.now()`` shows it to workflows."""
        return to_datetime(self._stage.clock.now())

    def effects(self, name: str | None = None) -> list[Effect]:
        """Return what happened to the world so far, in its order; of one name, or all.

        The name is ``service.verb`` for the call of a ``Service``, and the step's name where its body
        calls none.
        """
        return [effect for effect in self._stage.deeds.effects if name in (None, effect.name)]


@contextmanager
def rehearse(*include: Definition | ModuleType | Service | Process, seed: int = 0) -> Iterator[Play]:
    """Play in virtual time: months pass in milliseconds, the same way each time.

    It knows the workflows and services that ``include`` names, or holds; without any, those among the
    globals of the module that calls it. A worker and a client with a store in memory live as long as the ``with``.
    Steps really run, ``Service`` or not. ``seed`` picks the order in which steps side by side answer.
    """
    namespace = globals_of_caller(3)
    known = Known()
    rest = known.add(include)
    if not include:
        known.add_found(namespace)
    known.check()
    with Stage(registry_of(tuple(rest), {} if include else namespace), known=known, seed=seed) as stage:
        yield Play(stage)


def registry_of(include: tuple[object, ...], namespace: Mapping[str, Any]) -> Registry:
    """Collect the definitions of a play: those named, else those of a namespace."""
    registry = Registry()
    if include:
        registry.add(include)
    else:
        registry.add_found(namespace)
    registry.check()
    return registry


def _ids(rows: Sequence[Run]) -> str:
    """Say which runs there are, the first few by their ids."""
    named = ", ".join(row.id for row in rows[:_NAMED])
    more = f" and {len(rows) - _NAMED} more" if len(rows) > _NAMED else ""
    return f"It holds {named}{more}." if rows else "It holds no run yet."


def _standing(row: Run | None) -> str:
    """Say what a run waits for."""
    notes = decode(row.notes if row is not None else None)
    waits = " and ".join(f"{wait.kind} {wait.name}".strip() for wait in notes.waits)
    reason = f" ({row.reason})" if row is not None and row.reason else ""
    return f"waits for {waits}{reason}" if waits else f"waits{reason}"
