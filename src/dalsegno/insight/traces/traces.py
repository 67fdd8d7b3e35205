"""Spans of what a process does: sending, reacting, moving runs, trying steps.

A span is made where something is done for the first time. Replay makes none, since it does nothing
again. What is sent on carries the span's context in its row, so the next process goes on below it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from msgspec.structs import replace
from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, Status, StatusCode, TracerProvider

from dalsegno.core.clock import HOUR
from dalsegno.core.commit import Emit, Rest, Start
from dalsegno.core.entries import Entry
from dalsegno.core.event import Event
from dalsegno.core.notes import LongAttempt
from dalsegno.core.runs import Run
from dalsegno.engine.live import LiveRun
from dalsegno.events.plan import Plan
from dalsegno.insight.traces import spans
from dalsegno.insight.traces.contexts import derived, read, under, written
from dalsegno.store.protocol import Store

Sent = TypeVar("Sent", Emit, Start)

LONG_SLEEP = HOUR
"""A run in which nothing happened for longer goes on in a new trace, linked to the one before."""


class Traces:
    """Makes the spans of one process with a provider's tracer."""

    def __init__(self, provider: TracerProvider, store: Store) -> None:
        self._tracer = provider.get_tracer("dalsegno")
        self._sampler = getattr(provider, "sampler", None)
        self._store = store
        self._runs: dict[str, Span] = {}  # those that are under way here, by the run's id
        self._chapters: WeakKeyDictionary[LiveRun, tuple[int, SpanContext]] = WeakKeyDictionary()

    # -- what a program sends

    @contextlib.contextmanager
    def sending(self, item: Sent) -> Iterator[Sent]:
        """Span the writing of a start or of events; what is written carries the span's context."""
        if isinstance(item, Start):
            name = f"start {item.workflow}"
            said = spans.of_starting(item)
        else:
            name = f"send {item.events[0].type}"
            said = spans.of_sending(item.events[0], len(item.events))
        with self._tracer.start_as_current_span(name, kind=SpanKind.PRODUCER, attributes=said) as span:
            here = written(span.get_span_context())
            if isinstance(item, Start):
                yield replace(item, traceparent=here)
            else:
                events = tuple(
                    event if event.traceparent else replace(event, traceparent=here) for event in item.events
                )
                yield replace(item, events=events)

    # -- reactions

    @contextlib.contextmanager
    def reacting(self, plan: Plan, event: Event, others: Sequence[Event] = ()) -> Iterator[Event]:
        """Span the call of a handler; what it emits follows the event that this yields.

        ``others`` were handed to it in the same batch.
        """
        said = spans.of_reaction(plan, event)
        if others:
            said["messaging.batch.message_count"] = len(others) + 1
        links = [Link(self._of_event(other)) for other in others]
        with self._tracer.start_as_current_span(
            f"process {event.type}",
            context=under(self._of_event(event)),
            kind=SpanKind.CONSUMER,
            attributes=said,
            links=links,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield replace(event, traceparent=written(span.get_span_context()))
            except BaseException as error:
                _failed(span, error)
                raise

    def _of_event(self, event: Event) -> SpanContext:
        """Return the context that an event came with, or the one that all give it who see it."""
        return read(event.traceparent) or derived(
            f"{event.namespace} event {event.number} {event.at}", self._sampler
        )

    # -- runs

    def woke(self, live: LiveRun, entries: Sequence[Entry]) -> None:
        """Begin the span of a run that goes on here, whose journal was replayed up to where it is."""
        run = live.run
        self._end(run.id)
        came = read(run.traceparent) or derived(f"{run.namespace} run {run.number}", self._sampler)
        chapter = self._chapter(live, entries)
        known = self._chapters.get(live)
        if chapter == 0:
            parent: SpanContext | None = came
        else:
            parent = known[1] if known is not None and known[0] == chapter else None
        span = self._tracer.start_span(
            f"run {run.workflow}",
            context=under(parent),
            attributes=spans.of_run(run, live.workflow),
            links=[Link(came)] if parent is None else [],
        )
        if parent is None:
            self._chapters[live] = chapter, span.get_span_context()
        self._runs[run.id] = span
        live.run = replace(run, traceparent=written(span.get_span_context()) or run.traceparent)

    def _chapter(self, live: LiveRun, entries: Sequence[Entry]) -> int:
        """Return the place in its journal at which a run went on after its last long sleep; 0 if it had none."""
        chapter, _ = self._chapters.get(live, (0, None))
        before = live.run.started_at or live.run.created_at
        for entry in entries:
            if entry.at - before > LONG_SLEEP:
                chapter = entry.position
            before = entry.at
        last = entries[-1].position if entries else live.position
        return last + 1 if self._store.now() - max(before, live.at) > LONG_SLEEP else chapter

    def rested(self, run: Run, rest: Rest) -> None:
        """End the span of a run that has come to rest."""
        span = self._runs.pop(run.id, None)
        if span is None:
            return
        span.set_attribute("dalsegno.workflow.status", rest.status.value)
        if rest.reason:
            span.set_attribute("dalsegno.workflow.reason", rest.reason)
        if rest.status.value == "failed":
            span.set_status(Status(StatusCode.ERROR))
        span.end()

    def _end(self, run_id: str) -> None:
        span = self._runs.pop(run_id, None)
        if span is not None:
            span.end()

    def run_of(self, run_id: str) -> SpanContext | None:
        """Return the context of a run that is under way here."""
        span = self._runs.get(run_id)
        return None if span is None else span.get_span_context()

    # -- steps

    def trying(self, name: str, parent: SpanContext | None, said: spans.Attributes) -> Span:
        """Begin the span of an attempt of a step."""
        return self._tracer.start_span(f"step {name}", context=under(parent), attributes=said)

    # -- with the worker's session

    @property
    def busy(self) -> bool:
        """Spans keep nobody from ending."""
        return False

    def begin(self, session: int) -> None:
        """Begin to work in a new session."""

    def long_attempts(self) -> tuple[LongAttempt, ...]:
        """Nothing that anybody waits for."""
        return ()

    def nudge(self) -> None:
        """Hear that there are new events."""

    def stop(self) -> None:
        """Begin nothing more."""

    def drop(self) -> None:
        """End the spans of runs that this worker lets go of."""
        for run_id in list(self._runs):
            self._end(run_id)


def attached(span: Span) -> Any:
    """Make a span the one that code in this context is below; return what ``detach`` takes."""
    return contexts.attach(trace.set_span_in_context(span, contexts.Context()))


def end(span: Span, error: BaseException | None) -> None:
    """End a span, with the error that what it spans has failed of."""
    if error is not None:
        _failed(span, error)
    span.end()


def _failed(span: Span, error: BaseException) -> None:
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    span.set_attribute("error.type", name)
    span.record_exception(error)
    span.set_status(Status(StatusCode.ERROR, str(error)))
