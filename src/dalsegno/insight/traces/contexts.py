"""W3C ``traceparent`` and OpenTelemetry's span contexts: one made of the other."""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

_FORM = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")


def written(context: SpanContext) -> str | None:
    """Write a span's context as a traceparent; None for one that is none."""
    if not context.is_valid:
        return None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"


def read(traceparent: str | None) -> SpanContext | None:
    """Read a traceparent; None where there is none, or it is of another form."""
    match = _FORM.fullmatch(traceparent or "")
    if match is None:
        return None
    context = SpanContext(int(match[1], 16), int(match[2], 16), True, TraceFlags(int(match[3], 16)))
    return context if context.is_valid else None


def under(parent: SpanContext | None) -> Context:
    """Return a context whose spans are below a parent, or begin a trace of their own."""
    return Context() if parent is None else trace.set_span_in_context(NonRecordingSpan(parent), Context())


def derived(what: str, sampler: Any) -> SpanContext:
    """Make the context that all share who see something that came without any: the same in each process.

    ``what`` names it. Whether it is sampled is asked of the provider's own sampler, where there is one.
    """
    digest = blake2b(what.encode(), digest_size=24, person=b"dalsegno").digest()
    number, span = int.from_bytes(digest[:16]) or 1, int.from_bytes(digest[16:]) or 1
    sampled = True
    if sampler is not None:
        sampled = sampler.should_sample(None, number, what).decision.is_sampled()
    return SpanContext(number, span, True, TraceFlags(TraceFlags.SAMPLED if sampled else 0))
