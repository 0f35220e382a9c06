"""Traces of answers for OpenTelemetry, by its names for generative AI. Content is never in them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from merits.core.live import Served
from merits.core.release import Release
from merits.serving.http import Call

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter

__all__ = ["GEN_AI", "Tracer", "tracer_to"]

GEN_AI = {
    "operation": "gen_ai.operation.name",
    "provider": "gen_ai.provider.name",
    "asked": "gen_ai.request.model",
    "answered": "gen_ai.response.model",
    "input": "gen_ai.usage.input_tokens",
    "output": "gen_ai.usage.output_tokens",
    "error": "error.type",
}
"""The names of OpenTelemetry's semantic conventions 1.37 (they still move): the only place that has them."""

_OPERATIONS = {"/v1/chat/completions": "chat", "/v1/embeddings": "embeddings"}


def tracer_to(address: str, env: dict[str, str] | None = None) -> Tracer | None:
    """What sends traces to an address, or to where the environment says; None where neither says so."""
    env = dict(os.environ) if env is None else env
    if not address and not (env.get("OTEL_EXPORTER_OTLP_ENDPOINT") or env.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")):
        return None
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    exporter = OTLPSpanExporter(endpoint=f"{address.rstrip('/')}/v1/traces") if address else OTLPSpanExporter()
    return Tracer(exporter)


class Tracer:
    """Makes a span of each answer, and sends them in batches from a thread of its own."""

    def __init__(self, exporter: SpanExporter) -> None:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.trace import SpanKind
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._provider: TracerProvider = TracerProvider(resource=Resource.create({"service.name": "merits"}))
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("merits")
        self._kind = SpanKind.SERVER
        self._parent = TraceContextTextMapPropagator()

    def served(self, served: Served, release: Release, call: Call) -> None:
        """The span of one answer: from its arrival on, below the client's where it names one (`traceparent`)."""
        parent = call.headers.get(b"traceparent")
        context = self._parent.extract({"traceparent": parent.decode("latin-1")}) if parent else None
        start = int(served.at * 1e9)
        operation = _OPERATIONS.get(call.path, "predict")
        span = self._tracer.start_span(
            f"{operation} {release.model}",
            context=context,
            kind=self._kind,
            start_time=start,
            attributes=_attributes(served, release, operation),
        )
        if served.answer.failure is not None:
            from opentelemetry.trace import StatusCode

            span.set_status(StatusCode.ERROR)
        span.end(start + int(served.seconds * 1e9))

    def close(self) -> None:
        """Sends what is left."""
        self._provider.shutdown()


def _attributes(served: Served, release: Release, operation: str) -> dict[str, Any]:
    answer = served.answer
    found: dict[str, Any] = {
        GEN_AI["operation"]: operation,
        GEN_AI["provider"]: "merits",
        GEN_AI["asked"]: release.model,
        GEN_AI["answered"]: answer.model or release.model,
        GEN_AI["input"]: answer.usage.input_tokens + answer.usage.cache_read_tokens,
        GEN_AI["output"]: answer.usage.output_tokens,
        "merits.request": served.request,
        "merits.arm": served.arm,
    }
    if served.cost is not None:
        found["merits.cost"] = served.cost
    if answer.confidence is not None:
        found["merits.confidence"] = answer.confidence
    if answer.failure is not None:
        found[GEN_AI["error"]] = answer.failure.kind
    return found
