"""A reaction as a run: what could not be done at once goes on with journal, retries and a person's help.

It is a guest of the engine. A step-like handler is one step with the handler's own retry policy; once
that is exhausted the run parks as a dead letter until a person redrives, edits or discards it. A
stacked workflow is the workflow itself, whose returned events are emitted at its end.
"""

from __future__ import annotations

import asyncio
import functools
import re
from collections.abc import Callable
from typing import Any, Literal

import msgspec
from msgspec.structs import replace

from dalsegno.core.clock import nap
from dalsegno.core.codec import digest, encode_args
from dalsegno.core.commit import DeadLetter, Kept
from dalsegno.core.entries import Entry, Kind, Outcome
from dalsegno.core.event import Heard, NewEvent
from dalsegno.core.execution import Execution, current
from dalsegno.core.failure import Failure, decode, encode
from dalsegno.core.ops import Op
from dalsegno.core.reactions import KeptRow
from dalsegno.core.retry import Retry
from dalsegno.core.runs import DEAD_LETTER
from dalsegno.core.stamps import Added
from dalsegno.core.transact import Tx
from dalsegno.engine.calls import StepCall, open_step
from dalsegno.engine.context import step_info
from dalsegno.engine.definitions import (
    REACTION,
    StepDefinition,
    StepOptions,
    Workflow,
    make_step,
    make_workflow,
)
from dalsegno.engine.emitting import emit_in_run
from dalsegno.engine.verbs import hold
from dalsegno.errors import Discarded, StepTimeout
from dalsegno.events.calling import Calling
from dalsegno.events.sequence import Turn

_FIRST_NAP, _LONGEST_NAP = 0.5, 30.0  # seconds between looks for an event that is missing
# What is frozen into the interpreter, as `os` is, is nobody's place.
_PLACE = re.compile(r'^ +File "(?!<frozen ).*, in (.+)$', re.MULTILINE)


PASSED_OVER = "too late for its place: recorded, not applied"

_NO_DATA = msgspec.Raw(b"")


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a person says of a dead letter: try again, with other ``data`` if it is not empty, or give it up."""

    what: Literal["redrive", "discard"] = "redrive"
    why: str = ""
    data: msgspec.Raw = _NO_DATA  # no union with None, which msgspec would take for all that it may be

    @property
    def edited(self) -> bool:
        """Whether it comes with other data."""
        return bool(bytes(self.data))


def answered(data: bytes | None) -> Answer:
    """Read a person's answer; a plain retry says nothing."""
    return Answer() if not data else msgspec.json.decode(data, type=Answer)


def key_of(title: str, event: int) -> str:
    """Name a reaction for the services that its handler calls: the same however often it is tried."""
    return f"{title}/{event}"


def run_id_of(title: str, event: int, generation: int) -> str:
    """Name the run that a reaction goes on as."""
    return f"{title}#{event}" if generation == 1 else f"{title}#{event}/{generation}"


class StepLike:
    """The run of a plain function's reaction."""

    def __init__(self, calling: Calling) -> None:
        self._calling = calling
        handler = calling.handler
        options = handler.options
        self.step: StepDefinition = make_step(self._function(), name=handler.name)
        self.step.options = StepOptions(
            retry=options.retry,
            timeout=options.timeout,
            transaction=options.transaction,
            gate=None if options.circuit is None and options.max_in_flight is None else calling,
        )
        self._reading = make_step(self._read_state, name="state", retry=Retry(attempts=None))

    def workflow(self) -> Workflow[Any, Any]:
        """Make the definition that the engine runs."""

        async def react(event: Heard) -> None:
            await self.react([event])

        return make_workflow(react, name=self._calling.title, model=REACTION)

    def failed(self, event: Heard, error: BaseException, *, final: bool) -> Entry:
        """Make the entry of the attempt that was made before the reaction was a run."""
        kind = Kind.STEP if final else Kind.ATTEMPT
        outcome = Outcome.UNKNOWN if isinstance(error, StepTimeout) else Outcome.ERROR
        asked = digest(encode_args(([event],), {}, self.step.arguments_label))
        data = encode(Failure.of(error))
        return Entry(1, kind, 1, self.step.name, asked, outcome, 1, data=data)

    def _function(self) -> Callable[..., Any]:
        """Make the step's function: it takes one event, or those that a join has brought together."""
        calling = self._calling

        def said(events: list[Heard], row: KeptRow | None, values: list[Any], result: Any) -> None:
            info = step_info()
            for event in calling.returned(result):
                info.emit(event)
            extra = calling.beside(events, info.emitted)
            kept, _ = calling.settle(info, row, events[-1], values[-1])
            sequence, last = calling.sequence, events[-1]
            if sequence is not None and last.key is not None:
                place = sequence.place(values[-1])
                kept = [
                    *kept,
                    sequence.passed(calling.service, last.key, last.number, place, last.generation),
                ]
            emitted = (one for one in info.emitted if not isinstance(one, Kept | Added))
            info.emit_instead(
                [replace(one, extra=extra) if isinstance(one, NewEvent) else one for one in emitted] + kept
            )

        if calling.is_async:

            async def react_async(events: list[Heard], row: KeptRow | None = None) -> None:
                values = calling.read_all(events)
                if calling.wants(values):
                    arguments = calling.arguments(values, calling.state(row), None, calling.stamp(events))
                    said(events, row, values, await calling.handler.function(*arguments))

            return react_async

        def react(events: list[Heard], row: KeptRow | None = None, tx: Tx | None = None) -> None:
            values = calling.read_all(events)
            if calling.wants(values):
                arguments = calling.arguments(values, calling.state(row), tx, calling.stamp(events))
                said(events, row, values, calling.handler.function(*arguments))

        def react_in(tx: Tx, events: list[Heard], row: KeptRow | None = None) -> None:
            react(events, row, tx)

        return react_in if calling.handler.options.transaction else react

    async def _read_state(self, key: str) -> KeptRow | None:
        return await self._calling.load(key)

    async def react(self, events: list[Heard]) -> None:
        """React to an event, or to a join's; park as a dead letter when that fails for good."""
        execution = current()
        assert execution is not None
        last = events[-1]
        call = functools.partial(StepCall, self.step, key=key_of(self._calling.title, last.number))
        tries = 0
        if not await self._has_its_turn(execution, last):
            execution.reason = PASSED_OVER
            return
        while True:
            arguments: tuple[Any, ...] = (events,)
            if self._calling.keeping is not None and last.key is not None:
                arguments = (events, await open_step(execution, StepCall(self._reading, (last.key,), {})))
            op = open_step(execution, call(arguments, {}))
            try:
                await op
                return
            except asyncio.CancelledError:
                raise
            except Exception as error:
                tries += op.attempts + 1
                answer = await self._bury(execution, last, _told(op, error), tries)
            if answer.what == "discard":
                raise Discarded(
                    f"Event {last.number} was discarded for handler {self._calling.title}: "
                    f"{answer.why or 'no reason was given'}.",
                    "It counts as handled, by nobody.",
                    "Emit it again if it is to be handled after all.",
                    run_id=execution.run_id,
                )
            if answer.edited:
                events = [*events[:-1], replace(last, data=answer.data)]
                last = events[-1]

    async def _has_its_turn(self, execution: Execution, event: Heard) -> bool:
        """Wait until it is an event's turn, or those missing are too late; False where it is itself too late."""
        sequence = self._calling.sequence
        if sequence is None or event.key is None:
            return True
        seconds = _FIRST_NAP
        while True:
            kept = await open_step(execution, StepCall(self._reading, (sequence.key(event.key),), {}))
            turn = sequence.turn(sequence.place(self._calling.read(event)), kept)
            over = sequence.gap is not None and execution.loop.time_us >= event.accepted_at + sequence.gap
            if turn is not Turn.EARLY or over:
                return turn is not Turn.LATE
            await nap(seconds)  # on the run's own loop, a timer of the run
            seconds = min(2 * seconds, _LONGEST_NAP)

    async def _bury(self, execution: Execution, event: Heard, told: Failure, tries: int) -> Answer:
        """Park until a person says what to do."""
        outbox = execution.post()
        outbox.dead = DeadLetter(
            service=self._calling.service,
            handler=self._calling.number,
            event=event.number,
            key=event.key,
            cause=cause_of(told),
            error=told.title[:1_000],
            attempts=tries,
            goes_on=self._calling.handler.options.after_dead_letter == "go on",
        )
        try:
            return answered(await hold(self._calling.title, DEAD_LETTER))
        finally:  # one that is cancelled is no dead letter any more either
            outbox.dead = None
            execution.reason = None


def _told(op: Op, error: Exception) -> Failure:
    """Return the failure as the journal has it, which knows where it was raised."""
    settled = op.settled
    return Failure.of(error) if settled is None or settled.data is None else decode(settled.data)


def cause_of(told: Failure) -> str:
    """Name what an error failed of, the same for those that failed alike: its type, and where it was raised."""
    places = _PLACE.findall(told.traceback)
    return f"{told.type.rpartition('.')[2]}{f' in {places[-1]}' if places else ''}"[:200]


def stacked(calling: Calling) -> Workflow[Any, Any]:
    """Make the definition of a stacked workflow's reaction: the workflow, then its events."""
    inner = calling.handler.workflow
    assert inner is not None
    if inner.is_async:

        async def react_async(event: Heard) -> None:
            await run_stacked(calling, [event])

        return make_workflow(react_async, name=calling.title, version=inner.version, model=inner.model)

    def react(event: Heard) -> None:
        _carry(calling, [event])
        _say(calling, inner.body(*calling.arguments(calling.read_all([event]))))

    return make_workflow(react, name=calling.title, version=inner.version, model=inner.model)


async def run_stacked(calling: Calling, events: list[Heard]) -> None:
    """Run a stacked ``async def`` workflow, and emit what it returns."""
    inner = calling.handler.workflow
    assert inner is not None
    _carry(calling, events)
    _say(calling, await inner.body(*calling.arguments(calling.read_all(events))))


def _carry(calling: Calling, events: list[Heard]) -> None:
    """Let all that the run emits have the stamp of the events that it came of."""
    execution = current()
    assert execution is not None
    execution.extra = calling.beside(events)


def _say(calling: Calling, value: Any) -> None:
    execution = current()
    assert execution is not None
    for event in calling.returned(value):
        emit_in_run(execution, event)
