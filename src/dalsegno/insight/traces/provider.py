"""Which provider makes the spans: the program's own, or one made of the environment, or none."""

from __future__ import annotations

import importlib.util
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dalsegno.errors import DefinitionError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider as SdkProvider
    from opentelemetry.trace import TracerProvider

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


@dataclass(frozen=True, slots=True)
class Provided:
    """A provider, and whether it is ours to end."""

    provider: TracerProvider
    own: SdkProvider | None = None

    def close(self) -> None:
        """Send what is left, if it is ours; it may take as long as its exporter's timeout."""
        if self.own is not None:
            self.own.shutdown()


def wanted(asked: bool | None) -> bool:
    """Say whether spans are to be made: as the App says, else where the program or its environment has set it up."""
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or asked is False:
        return False
    if asked:
        return True
    if "opentelemetry.sdk.trace" in sys.modules and _set() is not None:
        return True
    exports = os.environ.get("OTEL_TRACES_EXPORTER", "otlp") != "none"
    named = any(os.environ.get(name) for name in _ENDPOINTS)
    return exports and named and importlib.util.find_spec("opentelemetry.sdk") is not None


def provide(name: str) -> Provided:
    """Return the provider that the program has set, or make one that sends to where the environment says.

    ``name`` is the service's, where ``OTEL_SERVICE_NAME`` does not say it. Raises DefinitionError
    where the SDK is not installed.
    """
    found = _set()
    if found is not None:
        return Provided(found)
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise DefinitionError(
            "Traces were asked for, and the SDK of OpenTelemetry is not installed.",
            "The interface alone makes no spans.",
            "pip install 'dalsegno[otel]', or leave traces= out.",
        ) from error
    service = os.environ.get("OTEL_SERVICE_NAME") or name
    own = TracerProvider(resource=Resource.create({"service.name": service}))
    own.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return Provided(own, own)


def _set() -> TracerProvider | None:
    """Return the provider that the program has set for the process, if it has."""
    from opentelemetry import trace

    found = trace.get_tracer_provider()
    unset = (trace.ProxyTracerProvider, trace.NoOpTracerProvider)
    return None if isinstance(found, unset) else found
