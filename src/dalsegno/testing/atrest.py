"""What must hold once the faults have stopped and nothing moves any more.

Everything ended, or waits for something that has not come (P11); a replay of each journal comes to the
same end as the run did (P3); each idempotency key names one step of it (P6); a saga that undid itself left
nothing of it standing, and undid nothing else (P9).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from dalsegno.core import failure
from dalsegno.core.entries import Delivery, Entry, Kind, Outcome
from dalsegno.core.execution import Execution
from dalsegno.core.failure import Failure
from dalsegno.core.limits import Limits
from dalsegno.core.runs import COMPENSATED, Run, Status
from dalsegno.engine.calls import ChildCall
from dalsegno.engine.definitions import StepDefinition, Workflow
from dalsegno.engine.registry import Registry
from dalsegno.testing.effects import Ledger
from dalsegno.testing.reacting import held
from dalsegno.testing.shadows import Broken, Op, Shadow

Inbox = Callable[[int], Sequence[Delivery]]


def check(shadows: Mapping[int, Shadow], registry: Registry, ledger: Ledger, now: int, inbox: Inbox) -> None:
    """Raise ``Broken`` for the first thing that does not hold."""
    ended = {shadow.run.id for shadow in shadows.values() if shadow.run.status.ended}
    for shadow in shadows.values():
        run = shadow.run
        workflow = registry.workflow(run.workflow, run.version)
        _moves_or_tells(run, now)
        if not run.parked and not held(run):
            execution = replay(run, workflow, shadow.entries)
            try:
                _replays_alike(run, workflow, execution)
                _waits_for_what_may_come(run, execution, ended, inbox(run.number))
                _keys_name_ops(run, execution, shadow.entries, ledger)
            finally:
                execution.evict()
        if workflow.model == "saga" and run.status.ended:
            _is_undone(run, shadow.entries, registry, ledger)


def _moves_or_tells(run: Run, now: int) -> None:
    if run.status.ended or run.parked or held(run):
        return
    if run.session is not None or run.status is not Status.WAITING:
        raise Broken(f"P11: {run.id} is {run.status} and belongs to {run.session}, and nothing happens")
    if run.due_at is not None and run.due_at <= now:
        raise Broken(f"P11: {run.id} is due, and nobody takes it")


def replay(run: Run, workflow: Workflow[Any, Any], entries: Sequence[Entry]) -> Execution:
    """Bring a run's code to where its journal says that it is."""
    execution = fresh(run, workflow)
    execution.begin(workflow.bind(run.input), run.started_at or run.created_at)
    for entry in entries:
        execution.deliver(entry)
    return execution


def fresh(run: Run, workflow: Workflow[Any, Any]) -> Execution:
    """Make an execution of a run that has not begun."""
    return Execution(
        run.number,
        run.id,
        is_async=workflow.is_async,
        limits=Limits(),
        depth=run.depth,
        case_id=run.case_id,
    )


def _replays_alike(run: Run, workflow: Workflow[Any, Any], execution: Execution) -> None:
    if execution.ended != run.status.ended:
        raise Broken(f"P3: {run.id} is {run.status}; its replay {'ends' if execution.ended else 'waits'}")
    if not execution.ended:
        return
    try:
        output, _ = workflow.output.journal(execution.outcome(), "result")
    except BaseException as error:
        told, stored = Failure.of(error), failure.decode(run.error or b"null")
        if (told.type, told.message) != (stored.type, stored.message):
            raise Broken(f"P3: {run.id} {run.status} with {stored}; its replay with {told}") from error
    else:
        if (run.status, run.output) != (Status.COMPLETED, output):
            raise Broken(f"P3: {run.id} is {run.status} ({run.output!r}); its replay gives {output!r}")


def _waits_for_what_may_come(
    run: Run, execution: Execution, ended: Collection[str], inbox: Sequence[Delivery]
) -> None:
    """A run that waits has not been told already: no signal for it in its inbox, no child that has ended."""
    if run.status.ended:
        return
    asked = {name for op in execution.receivers for name in op.names}
    unheard = [delivery for delivery in inbox if delivery.kind is not Kind.SIGNAL or delivery.name in asked]
    if unheard:
        raise Broken(f"P11: {run.id} waits, and has not looked at {unheard}")
    for op in execution.open_children():
        if isinstance(op.request, ChildCall) and op.request.child_id in ended and not op.cancelled():
            raise Broken(f"P11: {run.id} waits for child {op.request.child_id}, which has ended")


def _keys_name_ops(run: Run, execution: Execution, entries: Sequence[Entry], ledger: Ledger) -> None:
    """Each idempotency key names one step that the code has asked for, and no step has two."""
    names = {entry.op: entry.name for entry in entries if entry.kind is Kind.STEP}
    for effect in ledger.effects:
        op = Op.of(effect.key)
        if op.run != run.number:
            continue
        wanted = names.get(op.number, effect.step)
        if op.number > execution.made or (not op.undo and wanted != effect.step):
            raise Broken(f"P6: key {effect.key} of {effect.step} names no such step of {run.id}")


# -- sagas


def _is_undone(run: Run, entries: list[Entry], registry: Registry, ledger: Ledger) -> None:
    undos = list(_undos(entries, registry))
    if run.reason != COMPENSATED:
        if undos:
            raise Broken(f"P9: {run.id} is {run.status} ({run.reason}), and undid {undos}")
        return
    owed = _owed(entries, registry)
    if Counter(owed) != Counter(undos):
        raise Broken(f"P9: {run.id} owed {owed} and undid {undos}")
    asked_a_person = any(entry.kind is Kind.HOLD for entry in entries)
    if not asked_a_person and owed != undos:
        raise Broken(f"P9: {run.id} undid {undos}, not in reverse order ({owed})")
    _leaves_nothing(run, entries, registry, ledger)


def _owed(entries: list[Entry], registry: Registry) -> list[str]:
    """Name the compensations that a saga owes and what each undoes, the last step's first."""
    unknown = {
        entry.op for entry in entries if entry.kind is Kind.ATTEMPT and entry.outcome is Outcome.UNKNOWN
    }
    owed = [
        (entry.op, undo.name)
        for entry in entries
        if entry.kind is Kind.STEP
        and (undo := undo_of(registry, entry.name)) is not None
        and (entry.outcome is not Outcome.ERROR or entry.op in unknown)
    ]
    return [f"{name} #{op}" for op, name in sorted(owed, reverse=True)]


def _undos(entries: list[Entry], registry: Registry) -> Iterator[str]:
    """Name the compensations that succeeded and what each undid, in their order."""
    undoing = {undo.name for name in registry.steps if (undo := undo_of(registry, name)) is not None}
    for entry in entries:
        if entry.kind is Kind.STEP and entry.name in undoing and entry.outcome is Outcome.VALUE:
            yield f"{entry.name} {entry.source}"


def _leaves_nothing(run: Run, entries: list[Entry], registry: Registry, ledger: Ledger) -> None:
    """Look at the world itself: what was done there was undone, unless the step answered with an error."""
    outcomes = {entry.op: entry.outcome for entry in entries if entry.kind is Kind.STEP}
    undone = {effect.key for effect in ledger.effects if effect.key.endswith("/undo")}
    for effect in ledger.effects:
        op = Op.of(effect.key)
        if op.run != run.number or op.undo or undo_of(registry, effect.step) is None:
            continue
        if outcomes.get(op.number) is not Outcome.ERROR and f"{effect.key}/undo" not in undone:
            raise Broken(f"P9: {run.id} is compensated, and its {effect.step} ({effect.key}) stands")


def undo_of(registry: Registry, name: str) -> StepDefinition | None:
    """Return the compensation that a step of this name declares."""
    step = registry.steps.get(name)
    undo = step.options.compensate if step is not None else None
    return undo if isinstance(undo, StepDefinition) else None
