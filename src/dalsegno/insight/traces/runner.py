"""Attempts of steps as spans: whatever is called in a step's body is below its attempt."""

from __future__ import annotations

from functools import partial
from typing import Any

from msgspec.structs import replace
from opentelemetry import context as contexts
from opentelemetry.trace import Span

from dalsegno.core.event import NewEvent
from dalsegno.core.transact import OpenTx
from dalsegno.engine.calls import StepCall
from dalsegno.engine.context import StepInfo
from dalsegno.engine.runner import Attempt, Ended, Spawner, StepRunner
from dalsegno.insight.traces import spans
from dalsegno.insight.traces.contexts import written
from dalsegno.insight.traces.traces import Traces, attached, end


class TracedRunner(StepRunner):
    """Starts attempts as another runner does, each in a span of its own."""

    def __init__(self, inner: StepRunner, threads: Spawner, traces: Traces) -> None:
        super().__init__(threads)
        self._inner = inner
        self._traces = traces

    def start(self, call: StepCall, info: StepInfo, timeout: int | None, ended: Ended, whose: Any) -> Attempt:
        span = self._span(call, info)
        token = attached(span)  # tasks and threads take the context that they are begun in
        try:
            return self._inner.start(call, info, timeout, partial(_ended, span, info, ended), whose)
        finally:
            contexts.detach(token)

    def transact(self, call: StepCall, info: StepInfo, tx: OpenTx) -> Any:
        span, error = self._span(call, info), None
        token = attached(span)
        try:
            return self._inner.transact(call, info, tx)
        except BaseException as raised:  # whatever a step raises is its outcome
            error = raised
            raise
        finally:
            contexts.detach(token)
            _follow(info, span)
            end(span, error)

    def _span(self, call: StepCall, info: StepInfo) -> Span:
        parent = self._traces.run_of(info.run_id)
        return self._traces.trying(info.step, parent, spans.of_step(call.step, info))


def _ended(
    span: Span, info: StepInfo, ended: Ended, whose: Any, value: Any, error: BaseException | None
) -> None:
    _follow(info, span)
    end(span, error)
    ended(whose, value, error)


def _follow(info: StepInfo, span: Span) -> None:
    """Let what the body emitted go on below its attempt."""
    if info.has_emitted:
        here = written(span.get_span_context())
        info.emit_instead(
            [
                replace(one, traceparent=here) if isinstance(one, NewEvent) and not one.traceparent else one
                for one in info.emitted
            ]
        )
