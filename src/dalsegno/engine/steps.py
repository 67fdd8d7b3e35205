"""Steps under way: when an attempt begins, what its end becomes in the journal, and when the next one is due."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Sequence
from typing import Any

from dalsegno.core import failure
from dalsegno.core.clock import SECOND
from dalsegno.core.commit import Commit
from dalsegno.core.entries import Entry, Kind, Outcome
from dalsegno.core.event import NewEvent
from dalsegno.core.failure import Failure
from dalsegno.core.ids import seeded
from dalsegno.core.ops import Op
from dalsegno.core.sourcing import Expect
from dalsegno.core.transact import OpenTx, Transact, bound_of
from dalsegno.engine.calls import StepCall, too_large
from dalsegno.engine.context import StepInfo
from dalsegno.engine.definitions import StepGate, StepOptions
from dalsegno.engine.live import LiveRun, UnderWay
from dalsegno.engine.outgoing import commit_of, with_step
from dalsegno.engine.runner import Ended, StepRunner
from dalsegno.errors import InvalidInput, PayloadTooLarge, StepInterrupted, StepTimeout, VersionConflict
from dalsegno.store.protocol import Store

_STEP, _VALUE = Kind.STEP, Outcome.VALUE


class _Unkept(Exception):  # says what happened
    """What a step has returned cannot be written down."""

    def __init__(self, why: Exception) -> None:
        super().__init__()
        self.why = why


def is_transactional(op: Op) -> bool:
    """Whether an op is a step whose rows and entry are one commit."""
    call = op.request
    return isinstance(call, StepCall) and call.step.options.transaction


def _time_left(options: StepOptions, op: Op, now: int) -> int | None:
    """Return how long an attempt that begins now may take."""
    if options.total_timeout is None:
        return options.timeout
    left = max(0, op.tried_at + options.total_timeout - now)
    return left if options.timeout is None else min(options.timeout, left)


def settlement(op: Op, outcome: Outcome, data: bytes | None, attempt: int) -> Entry:
    """Make the entry that settles a step."""
    undone = _undone(op)
    return Entry(0, _STEP, op.number, op.name, op.digest, outcome, attempt, undone, data=data)


def final_failure(op: Op, error: BaseException, outcome: Outcome, attempt: int) -> Entry:
    """Make the entry of a step that failed for good."""
    return settlement(op, outcome, failure.encode(Failure.of(error)), attempt)


def _undone(op: Op) -> str:
    """Name what a compensation undoes, so that the journal tells it from any other step."""
    call = op.request
    return f"#{call.undoes}" if isinstance(call, StepCall) and call.undoes else ""


def _refuse_rival(live: LiveRun, emitted: Sequence[Any]) -> None:
    """Refuse what was decided without events that another step of the run has in the same commit."""
    before = [one for entry in live.answers for one in live.execution.post().emitted.get(entry.op, ())]
    for expect in (one for one in emitted if isinstance(one, Expect)):
        for event in before:
            if isinstance(event, NewEvent) and (event.key, event.type in expect.types) == (expect.key, True):
                raise VersionConflict(
                    f"{expect.name} {expect.key} is being changed by another step of run {live.run.id}.",
                    "Both have decided by the same version of it, so only the first was written.",
                    "Let one begin when the other has ended, or give the step retry=.",
                    aggregate=expect.name,
                    key=expect.key,
                    expected=expect.version,
                    actual=expect.version,
                )


def _gate(op: Op) -> StepGate | None:
    call = op.request
    return call.step.options.gate if isinstance(call, StepCall) else None


class Steps:
    """Begins attempts, and turns their ends into entries."""

    def __init__(self, store: Store, runner: StepRunner, limit: int) -> None:
        self._store = store
        self._runner = runner
        self._payload_limit = limit
        self.within: object = None  # what bodies may reach of the store

    def begin(self, live: LiveRun, op: Op, now: int, ended: Ended) -> Entry | None:
        """Begin a step's next attempt, or return the entry that must be written instead, or first."""
        call = op.request
        assert isinstance(call, StepCall)
        options = call.step.options
        attempt = op.attempts + 1
        if options.at_most_once and not op.intent:
            return Entry(0, Kind.INTENT, op.number, op.name, op.digest, attempt=attempt)
        if options.gate is not None and self.held_back(live, op, now):
            return None
        number = op.number
        live.waiting.pop(number, None)
        live.retries.pop(number, None)
        op.tried_at = op.tried_at or now
        timeout = _time_left(options, op, now)
        info = self._info(live, op, call, attempt)
        live.attempts[number] = UnderWay(
            op, self._runner.start(call, info, timeout, ended, (live, op, info)), now
        )
        return None

    def held_back(self, live: LiveRun, op: Op, now: int) -> bool:
        """Tell whether a step's gate lets no attempt begin now; then it waits as for a retry."""
        gate = _gate(op)
        if gate is None:
            return False
        held = gate.held(op)
        if held > 0:
            live.retries[op.number] = now + int(held * SECOND)
        else:
            live.let_in.add(op)
        return held > 0

    def heard(self, live: LiveRun, op: Op, error: BaseException | None) -> None:
        """Tell a step's gate, if it has one, how an attempt has ended."""
        gate = _gate(op)
        if gate is not None:
            live.let_in.discard(op)
            gate.heard(op, failed=None if isinstance(error, asyncio.CancelledError) else error is not None)

    def transact(self, live: LiveRun, op: Op, now: int, session: int) -> Transact:
        """Begin the next attempt of a step whose rows and entry are one commit."""
        call = op.request
        assert isinstance(call, StepCall)
        attempt = op.attempts + 1
        live.waiting.pop(op.number, None)
        live.retries.pop(op.number, None)
        op.tried_at = op.tried_at or now
        commit = commit_of(live, session, [settlement(op, _VALUE, None, attempt)], [], [], [], None)
        context = contextvars.copy_context()

        def work(tx: OpenTx) -> Commit:
            info = self._info(live, op, call, attempt)
            value = context.copy().run(self._runner.transact, call, info, tx)
            return with_step(commit, live, self._value(call, value, live.run.id), info.emitted)

        bound = bound_of(_time_left(call.step.options, op, now))
        return Transact(work, f"step {op.name} of run {live.run.id}", session, bound)

    def rolled_back(self, live: LiveRun, op: Op, error: BaseException) -> Entry:
        """Turn the failure of a step in a transaction into its entry: of its rows nothing is there."""
        self.heard(live, op, error)
        if isinstance(error, _Unkept):
            return final_failure(op, error.why, Outcome.ERROR, op.attempts + 1)
        return self._failed(live, op, error)

    def _info(self, live: LiveRun, op: Op, call: StepCall, attempt: int) -> StepInfo:
        key = call.key or op.execution.key_of(op.number)
        run = live.run
        return StepInfo(run.id, run.workflow, op.name, attempt, key, run.case_id, _within=self.within)

    def _value(self, call: StepCall, value: Any, run_id: str) -> bytes:
        """Write a step's result down. Raises _Unkept."""
        try:
            data, _ = call.step.output.journal(value, call.step.result_label)
            if len(data) > self._payload_limit:
                raise too_large(call.step.result_label, len(data), self._payload_limit, run_id)
        except (InvalidInput, PayloadTooLarge) as refused:
            raise _Unkept(refused) from refused
        return data

    def interrupted(self, live: LiveRun, op: Op) -> Entry:
        """Settle an at_most_once step that was under way when its worker died."""
        error = StepInterrupted(
            f"Step {op.name} of run {live.run.id} was in flight when its worker died.",
            "It is declared at_most_once, so it will not run again; whether its effect happened is not known.",
            "Catch StepInterrupted and find out, or let a person decide.",
            run_id=live.run.id,
            step=op.name,
        )
        return final_failure(op, error, Outcome.UNKNOWN, op.intent)

    def end(self, live: LiveRun, op: Op, info: StepInfo, value: Any, error: BaseException | None) -> Entry:
        """Turn the end of an attempt into its entry; a retry's delay is noted in ``live``."""
        live.attempts.pop(op.number, None)
        self.heard(live, op, error)
        call = op.request
        assert isinstance(call, StepCall)
        attempt = op.attempts + 1
        if error is None:
            try:
                data = self._value(call, value, live.run.id)
                if info.has_emitted:
                    _refuse_rival(live, info.emitted)
            except VersionConflict as conflict:
                return self._failed(live, op, conflict)
            except _Unkept as refused:
                return final_failure(op, refused.why, Outcome.UNKNOWN, attempt)
            if info.has_emitted:
                live.execution.post().emitted[op.number] = info.emitted
            return settlement(op, _VALUE, data, attempt)
        return self._failed(live, op, error)

    def _failed(self, live: LiveRun, op: Op, error: BaseException) -> Entry:
        """Make the entry of an attempt that has failed; a retry's delay is noted in ``live``."""
        call, attempt = op.request, op.attempts + 1
        assert isinstance(call, StepCall)
        if op.cancelled() and isinstance(error, asyncio.CancelledError):
            return settlement(op, Outcome.CANCELLED, None, attempt)
        unknown = isinstance(error, StepTimeout)
        delay = None if op.done() else self._delay(live, op, call, error)
        if delay is None:
            outcome = Outcome.UNKNOWN if unknown or op.unknown else Outcome.ERROR
            return final_failure(op, error, outcome, attempt)
        live.waiting[op.number] = op
        live.retries[op.number] = self._store.now() + delay
        data = failure.encode(Failure.of(error))
        outcome = Outcome.UNKNOWN if unknown else Outcome.ERROR
        return Entry(0, Kind.ATTEMPT, op.number, op.name, op.digest, outcome, attempt, _undone(op), data=data)

    def refuted(self, live: LiveRun, op: Op, error: BaseException) -> Entry:
        """Turn the success of an attempt that could not be written as it was into its failure."""
        live.execution.post().emitted.pop(op.number, None)
        return self._failed(live, op, error)

    def _delay(self, live: LiveRun, op: Op, call: StepCall, error: BaseException) -> int | None:
        options = call.step.options
        if options.retry is None:
            return None
        attempt = op.attempts + 1
        rng = seeded("retry", live.number, op.number, attempt)
        delay = options.retry.next(attempt, error, rng)
        if delay is not None and options.total_timeout is not None:
            ends = op.tried_at + options.total_timeout
            if self._store.now() + delay >= ends:
                return None
        return delay

    def withdraw(self, live: LiveRun, answered: Sequence[Entry]) -> list[Entry]:
        """End what the code has cancelled; return entries for steps that nobody runs and that have not answered."""
        entries: list[Entry] = []
        settled = {entry.op for entry in answered if entry.kind is Kind.STEP}
        for op in live.execution.take_withdrawn(Kind.STEP):
            live.waiting.pop(op.number, None)
            live.retries.pop(op.number, None)
            under_way = live.attempts.get(op.number)
            if under_way is not None:
                under_way.attempt.cancel()
            elif op.number not in settled:
                entries.append(settlement(op, Outcome.CANCELLED, None, op.attempts))
        return entries

    def abandon(self, live: LiveRun) -> None:
        """Stop listening to all attempts of a run that is not ours, or not alive, any more."""
        for under_way in live.attempts.values():
            under_way.attempt.abandon()
        live.attempts.clear()
        for op in live.let_in:
            gate = _gate(op)
            assert gate is not None
            gate.heard(op, failed=None)
        live.let_in.clear()
